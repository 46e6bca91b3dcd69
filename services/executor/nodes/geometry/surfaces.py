"""The surface of what lies above a threshold in a grid, as triangles.

Both ways take a grid (depth, height, width) and give vertices (count, 3) in its coordinates and triangles (count, 3),
anticlockwise seen from outside where the axes are depth, height and width in this order. What leaves the grid is closed
at its edge.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor
from torch.nn import functional

#: The corners of a square, each a half to the sides, in a circle.
_SQUARE = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))

#: The corners of a cell.
_CORNERS = tuple(itertools.product((0, 1), repeat=3))
#: The edges of a cell, each as two of its corners.
_EDGES = tuple(
    (first, second)
    for first, second in itertools.combinations(range(8), 2)
    if sum(a != b for a, b in zip(_CORNERS[first], _CORNERS[second], strict=True)) == 1
)


def blocks(grid: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """The faces of cubes around the points above the threshold, without those that two of them share."""
    filled = functional.pad(grid > threshold, (1, 1, 1, 1, 1, 1))
    corners, flips = [], []
    for axis, side in itertools.product(range(3), (1, -1)):
        points = (filled & ~filled.roll(-side, dims=axis)).nonzero() - 1
        across = [other for other in range(3) if other != axis]
        square = torch.zeros(4, 3, device=grid.device)
        square[:, axis] = side / 2
        square[:, across] = torch.tensor(_SQUARE, device=grid.device)
        corners.append(points[:, None] + square)
        flips.append(torch.full((len(points),), (side > 0) == (axis == 1), device=grid.device))
    return _welded(torch.cat(corners), torch.cat(flips))


def surface_net(grid: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """A vertex in each cell that the surface passes, in the middle of where it meets the cell's edges (Gibson 1998)."""
    values = functional.pad(grid.float() - threshold, (1, 1, 1, 1, 1, 1), value=-1.0)
    inside = values > 0
    cells = _mixed_cells(inside)
    places = cells[:, None] + torch.tensor(_CORNERS, device=grid.device)
    corners = values[tuple(places.unbind(-1))]
    vertices = cells + _middles(corners) - 1
    numbers = torch.full([size - 1 for size in values.shape], -1, dtype=torch.long, device=grid.device)
    numbers[tuple(cells.unbind(-1))] = torch.arange(len(cells), device=grid.device)
    return vertices, _triangles(*_net_squares(inside, numbers))


def _welded(corners: Tensor, flips: Tensor) -> tuple[Tensor, Tensor]:
    """Squares (count, 4, 3) that share their corners."""
    halves, indices = torch.unique((corners * 2).round().long().reshape(-1, 3), dim=0, return_inverse=True)
    return halves / 2, _triangles(indices.reshape(-1, 4), flips)


def _triangles(squares: Tensor, flips: Tensor) -> Tensor:
    """Two triangles for each square (count, 4), the other way round where `flips` (count) says so."""
    squares = torch.where(flips[:, None], squares.flip(-1), squares)
    return torch.cat((squares[:, [0, 1, 2]], squares[:, [0, 2, 3]]))


def _mixed_cells(inside: Tensor) -> Tensor:
    """The cells (count, 3) some of whose corners are inside and some not."""
    corners = [
        inside[tuple(slice(start, size - 1 + start) for start, size in zip(corner, inside.shape, strict=True))]
        for corner in _CORNERS
    ]
    some, all_of_them = corners[0].clone(), corners[0].clone()
    for corner in corners[1:]:
        some |= corner
        all_of_them &= corner
    return (some & ~all_of_them).nonzero()


def _middles(corners: Tensor) -> Tensor:
    """The mean of the points (cells, 3) at which the values (cells, 8) of the corners change sign along the edges."""
    offsets = torch.tensor(_CORNERS, dtype=torch.float32, device=corners.device)
    total = torch.zeros(len(corners), 3, device=corners.device)
    count = torch.zeros(len(corners), 1, device=corners.device)
    for first, second in _EDGES:
        one, other = corners[:, first, None], corners[:, second, None]
        crosses = (one > 0) != (other > 0)
        share = torch.where(crosses, one / (one - other).where(crosses, torch.ones_like(one)), 0.0)
        total += torch.where(crosses, offsets[first] + share * (offsets[second] - offsets[first]), 0.0)
        count += crosses
    return total / count


def _net_squares(inside: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """For each edge of the grid that the surface crosses the vertices of the four cells around it."""
    squares, flips = [], []
    for axis in range(3):
        length = inside.shape[axis] - 1
        start, end = inside.narrow(axis, 0, length), inside.narrow(axis, 1, length)
        points = (start != end).nonzero()
        across = [other for other in range(3) if other != axis]
        circle = torch.zeros(4, 3, dtype=torch.long, device=inside.device)
        circle[:, across] = torch.tensor([[-1, -1], [0, -1], [0, 0], [-1, 0]], device=inside.device)
        around = points[:, None] + circle
        squares.append(numbers[tuple(around.unbind(-1))])
        flips.append(start[tuple(points.unbind(-1))] == (axis == 1))
    return torch.cat(squares), torch.cat(flips)
