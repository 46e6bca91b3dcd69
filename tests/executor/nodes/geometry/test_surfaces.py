"""The surface of what lies above a threshold in a grid."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from services.executor.nodes.geometry.surfaces import blocks, surface_net

Find = Callable[[Tensor, float], tuple[Tensor, Tensor]]


def ball(size: int = 24, radius: float = 0.7) -> Tensor:
    axis = torch.linspace(-1, 1, size)
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    return radius - (x**2 + y**2 + z**2).sqrt()


def brick() -> Tensor:
    grid = torch.zeros(5, 7, 9)
    grid[1:3, 2:5, 1:8] = 1
    return grid


def volume(vertices: Tensor, faces: Tensor) -> float:
    """Above zero where the triangles are anticlockwise seen from outside."""
    a, b, c = (vertices[faces[:, index]].double() for index in range(3))
    return float((torch.linalg.cross(a, b) * c).sum() / 6)


@pytest.mark.parametrize("find", [blocks, surface_net])
@pytest.mark.parametrize(("grid", "threshold"), [(ball(), 0.0), (brick(), 0.5), (torch.ones(3, 4, 5), 0.5)])
def test_the_surface_is_closed_and_faces_outwards(find: Find, grid: Tensor, threshold: float) -> None:
    vertices, faces = find(grid, threshold)
    edges = {tuple(edge) for pair in ([0, 1], [1, 2], [2, 0]) for edge in faces[:, pair].tolist()}
    assert len(edges) == 3 * len(faces), "no edge is passed twice in one direction"
    assert all((end, start) in edges for start, end in edges)
    assert len(vertices) - len(edges) // 2 + len(faces) == 2, "Euler, for one body without holes"
    assert volume(vertices, faces) > 0
    assert {index for face in faces.tolist() for index in face} == set(range(len(vertices)))


def test_a_brick_of_blocks_is_as_large_as_its_points_are_many() -> None:
    vertices, faces = blocks(brick(), 0.5)
    assert volume(vertices, faces) == pytest.approx(2 * 3 * 7)
    assert vertices.amin(0).tolist() == [0.5, 1.5, 0.5]
    assert vertices.amax(0).tolist() == [2.5, 4.5, 7.5]
    assert len(faces) == 2 * 2 * (2 * 3 + 2 * 7 + 3 * 7)


def test_a_ball_of_a_net_is_round() -> None:
    vertices, faces = surface_net(ball(), 0.0)
    radii = (vertices - 11.5).norm(dim=-1)
    assert float(radii.std() / radii.mean()) < 0.02
    assert float(radii.mean()) == pytest.approx(0.7 * 11.5, rel=0.03)
    square, _ = blocks(ball(), 0.0)
    assert float((square - 11.5).norm(dim=-1).std()) > float(radii.std())


@pytest.mark.parametrize("find", [blocks, surface_net])
def test_nothing_above_the_threshold_has_no_surface(find: Find) -> None:
    vertices, faces = find(torch.zeros(3, 3, 3), 0.5)
    assert vertices.shape == (0, 3) and faces.shape == (0, 3)


@pytest.mark.parametrize("find", [blocks, surface_net])
def test_two_bodies_that_touch_at_a_corner_stay_closed(find: Find) -> None:
    grid = torch.zeros(3, 3, 3)
    grid[0, 0, 0] = grid[1, 1, 1] = 1
    vertices, faces = find(grid, 0.5)
    assert volume(vertices, faces) > 0
