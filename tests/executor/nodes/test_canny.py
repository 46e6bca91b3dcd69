"""The node that finds edges."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from services.executor.nodes.canny import Canny


def edges_of(image: Tensor, low: float = 0.4, high: float = 0.8) -> Tensor:
    (edges,) = Canny().detect_edge(image, low, high)
    assert edges.shape == (*image.shape[:3], 3)
    return edges[..., 0]


def test_a_flat_picture_has_no_edges() -> None:
    for channels in (1, 3, 4):
        assert float(edges_of(torch.full((2, 9, 9, channels), 0.7), 0.01, 0.02).sum()) == 0.0


def test_a_step_is_an_edge_of_one_pixel_beside_it() -> None:
    image = torch.zeros(1, 12, 13, 3)
    image[:, :, 7:] = 0.5
    image[:, :, 6] = 0.25  # the gradient is steepest here
    expected = torch.zeros(12, 13)
    expected[:, 6] = 1.0
    assert torch.equal(edges_of(image)[0], expected)
    assert torch.equal(edges_of(image.transpose(1, 2))[0], expected.T)


def test_a_diagonal_step_is_a_diagonal_edge() -> None:
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    image = torch.where(rows > columns, 1.0, torch.where(rows == columns, 0.5, 0.0)).reshape(1, 16, 16, 1)
    assert torch.equal(edges_of(image)[0, 3:13, 3:13], torch.eye(10))


def test_a_weak_edge_counts_only_where_it_is_connected_to_a_strong_one() -> None:
    image = torch.zeros(1, 40, 20, 1)
    image[:, :, 10:] = torch.linspace(0.1, 1.0, 40).reshape(1, 40, 1, 1)
    whole = edges_of(image, 0.1, 1.0)
    assert float(whole[0, 5:35].sum(1).min()) >= 1.0
    cut = image.clone()
    cut[:, 18:22] = 0.0  # between the weak and the strong half
    assert float(edges_of(cut, 0.3, 2.0)[0, :16].sum()) == 0.0
    assert float(edges_of(cut, 0.3, 2.0)[0, 24:].sum()) > 10


def test_colours_count_by_their_brightness() -> None:
    image = torch.zeros(1, 9, 9, 3)
    image[:, :, 5:, 1] = 1.0
    grey = torch.zeros(1, 9, 9, 1)
    grey[:, :, 5:] = 0.587
    assert torch.equal(edges_of(image), edges_of(grey))


def test_thresholds_the_wrong_way_round_are_named() -> None:
    with pytest.raises(ValueError, match=r"low_threshold: 0\.8 is above high_threshold"):
        Canny().detect_edge(torch.zeros(1, 9, 9, 3), 0.8, 0.4)
