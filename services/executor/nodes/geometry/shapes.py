"""What flows between nodes as VOXEL and as MESH."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Voxels:
    """How much there is at each point of a grid: (batch, depth, height, width), any numbers."""

    def __init__(self, data: Tensor) -> None:
        self.data = data


class Mesh:
    """Triangles.

    Attributes:
        vertices: (batch, vertices, 3) x, y and z; a list of (vertices, 3) where shapes have different numbers of them.
        faces: (batch, triangles, 3) indices of vertices, anticlockwise seen from outside; or a list.
    """

    def __init__(self, vertices: Tensor | Sequence[Tensor], faces: Tensor | Sequence[Tensor]) -> None:
        self.vertices = _stacked(vertices)
        self.faces = _stacked(faces)

    def __len__(self) -> int:
        return len(self.vertices)


def _stacked(parts: Tensor | Sequence[Tensor]) -> Tensor | list[Tensor]:
    """One tensor where that can be."""
    if isinstance(parts, Tensor):
        return parts
    same = len({part.shape for part in parts}) == 1
    return torch.stack(list(parts)) if same else list(parts)


def in_unit_cube(points: Tensor, grid: Sequence[int]) -> Tensor:
    """Points (count, 3) of a grid (depth, height, width) as x, y and z, the longest side from -1 to 1."""
    sizes = torch.tensor(grid, dtype=torch.float32, device=points.device)
    return ((points - (sizes - 1) / 2) * 2 / sizes.max()).flip(-1)
