"""Self-attention within tiles; the pictures that it makes are in the recorded workflows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.nodes.patches.hypertile import TiledQueries, parts_of

OPTIONS: dict[str, Any] = {"original_shape": [1, 4, 8, 8]}


def tokens(count: int) -> Tensor:
    return torch.arange(2.0 * count * 3).view(2, count, 3)


def test_queries_are_split_into_tiles_and_joined_again() -> None:
    tiling = TiledQueries(least=4, options=1, max_depth=0, scale_depth=False)
    query = tokens(64)
    split, key, value = tiling.split(query, query, query, OPTIONS)
    assert split.shape == key.shape == value.shape == (8, 16, 3)
    cells = query[0].view(8, 8, 3)
    assert torch.equal(split[1], cells[:4, 4:].reshape(16, 3))
    assert torch.equal(key.reshape(2, 64, 3), query)
    assert torch.equal(tiling.join(split, OPTIONS), query)


def test_features_of_other_depths_are_left_alone() -> None:
    query = tokens(16)
    tiling = TiledQueries(least=2, options=1, max_depth=0, scale_depth=False)
    assert tiling.split(query, query, query, OPTIONS)[0] is query
    assert tiling.join(query, OPTIONS) is query
    deeper = TiledQueries(least=2, options=1, max_depth=1, scale_depth=False)
    assert deeper.split(query, query, query, OPTIONS)[0].shape == (8, 4, 3)
    scaled = TiledQueries(least=2, options=1, max_depth=1, scale_depth=True)
    assert scaled.split(query, query, query, OPTIONS)[0] is query


def test_a_tile_as_large_as_the_picture_changes_nothing() -> None:
    query = tokens(64)
    tiling = TiledQueries(least=64, options=4, max_depth=0, scale_depth=False)
    assert tiling.split(query, query, query, OPTIONS)[0] is query


@pytest.mark.parametrize(
    ("side", "least", "options", "expected"),
    [(8, 4, 1, {2}), (8, 3, 1, {2}), (12, 2, 4, {6, 4, 3}), (7, 3, 2, {1}), (1, 4, 2, {1}), (12, 12, 128, {1})],
)
def test_parts_are_drawn_from_the_smallest(side: int, least: int, options: int, expected: set[int]) -> None:
    torch.manual_seed(1)
    assert {parts_of(side, least, options) for _ in range(50)} == expected
