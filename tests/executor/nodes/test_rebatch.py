"""Lists of batches put together in batches of another length."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes.latent import Latent
from services.executor.nodes.rebatch import RebatchImages, RebatchLatents


def batch(*values: float, width: int = 1) -> Latent:
    return {"samples": torch.tensor(values).reshape(-1, 1, 1, 1).expand(-1, 1, 1, width)}


def firsts(batches: list[Latent]) -> list[list[float]]:
    return [one["samples"][:, 0, 0, 0].tolist() for one in batches]


def test_latents_are_counted_off_across_batches() -> None:
    (batches,) = RebatchLatents().execute([batch(0, 1, 2), batch(3), batch(4, 5, 6)], [2])
    assert firsts(batches) == [[0, 1], [2, 3], [4, 5], [6]]
    assert [one["batch_index"] for one in batches] == [[0, 1], [2, 3], [4, 5], [6]]
    assert not any("noise_mask" in one for one in batches)


def test_a_batch_ends_where_the_size_changes() -> None:
    (batches,) = RebatchLatents().execute([batch(0, 1, 2), batch(3, 4, width=2), batch(5)], [4])
    assert firsts(batches) == [[0, 1, 2], [3, 4], [5]]


def test_latents_keep_their_places_and_masks() -> None:
    masked = batch(1, 2) | {"noise_mask": torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1), "batch_index": [8, 7]}
    (batches,) = RebatchLatents().execute([batch(0), masked], [2])
    assert [one["batch_index"] for one in batches] == [[0, 8], [7]]
    assert batches[0]["noise_mask"].shape == (2, 1, 8, 8)
    assert batches[0]["noise_mask"].mean(dim=(1, 2, 3)).tolist() == [1.0, 0.0]
    assert "noise_mask" not in batches[1]


def test_pictures_are_counted_off_across_batches() -> None:
    numbers = torch.arange(5.0).reshape(5, 1, 1, 1).expand(5, 2, 3, 3)
    (batches,) = RebatchImages().execute([numbers[:1], numbers[1:]], [2])
    assert [one[:, 0, 0, 0].tolist() for one in batches] == [[0, 1], [2, 3], [4]]


def test_pictures_of_different_sizes_may_follow_but_not_share_a_batch() -> None:
    images = [torch.zeros(2, 4, 4, 3), torch.zeros(2, 5, 4, 3)]
    assert len(RebatchImages().execute(images, [2])[0]) == 2
    with pytest.raises(ValueError, match="^images: pictures of different sizes"):
        RebatchImages().execute(images, [3])
