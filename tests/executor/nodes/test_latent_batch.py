"""Nodes that put latents into batches and take them out."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes import limits
from services.executor.nodes.latent import Latent
from services.executor.nodes.latent_batch import (
    LatentBatch,
    LatentBatchSeedBehavior,
    LatentFromBatch,
    RepeatLatentBatch,
)


def batch(*values: float) -> Latent:
    """Latents of one cell each."""
    return {"samples": torch.tensor(values).reshape(-1, 1, 1, 1)}


def masks(*values: float) -> torch.Tensor:
    return torch.tensor(values).reshape(-1, 1, 1, 1)


@pytest.mark.parametrize(("start", "length", "taken"), [(1, 2, [1, 2]), (0, 1, [0]), (2, 9, [2, 3]), (63, 64, [3])])
def test_as_many_latents_are_taken_as_there_are(start: int, length: int, taken: list[int]) -> None:
    (part,) = LatentFromBatch().frombatch(batch(0, 1, 2, 3), start, length)
    assert part["samples"].flatten().tolist() == taken
    assert part["batch_index"] == taken


def test_a_part_of_a_part_remembers_its_first_place() -> None:
    (part,) = LatentFromBatch().frombatch(batch(0, 1, 2) | {"batch_index": [7, 5, 6]}, 1, 2)
    assert part["batch_index"] == [5, 6]


@pytest.mark.parametrize(("given", "expected"), [((9,), [9]), ((8, 9), [9, 8]), ((7, 8, 9, 10), [8, 9])])
def test_masks_go_with_their_latents(given: tuple[float, ...], expected: list[float]) -> None:
    (part,) = LatentFromBatch().frombatch(batch(0, 1, 2, 3) | {"noise_mask": masks(*given)}, 1, 2)
    assert part["noise_mask"].flatten().tolist() == expected


def test_a_repeated_batch_gets_noise_of_its_own() -> None:
    given = batch(0, 1) | {"batch_index": [4, 6], "noise_mask": masks(8, 9)}
    (repeated,) = RepeatLatentBatch().repeat(given, 3)
    assert repeated["samples"].flatten().tolist() == [0, 1, 0, 1, 0, 1]
    assert repeated["batch_index"] == [4, 6, 7, 9, 10, 12]
    assert repeated["noise_mask"].flatten().tolist() == [8, 9, 8, 9, 8, 9]


def test_a_single_mask_and_missing_places_stay_so_in_a_repeated_batch() -> None:
    (repeated,) = RepeatLatentBatch().repeat(batch(5) | {"noise_mask": masks(9)}, 2)
    assert repeated["noise_mask"].flatten().tolist() == [9]
    assert "batch_index" not in repeated


def test_a_repetition_that_could_not_be_held_names_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "largest_result", lambda: 1000)
    with pytest.raises(ValueError, match="^amount: "):
        RepeatLatentBatch().repeat(batch(*range(10)), 64)


def test_two_batches_become_one_of_the_first_ones_size() -> None:
    second = {"samples": torch.full((2, 1, 3, 5), 7.0), "batch_index": [3, 1]}
    (together,) = LatentBatch().execute({"samples": torch.zeros(1, 1, 2, 2)}, second)
    assert together["samples"].shape == (3, 1, 2, 2)
    assert together["samples"][:, 0, 0, 0].tolist() == [0.0, 7.0, 7.0]
    assert together["batch_index"] == [0, 3, 1]


def test_a_batch_may_have_equal_noise_or_noise_of_its_own() -> None:
    (fixed,) = LatentBatchSeedBehavior().execute(batch(0, 1, 2) | {"batch_index": [5, 6, 7]}, "fixed")
    assert fixed["batch_index"] == [5, 5, 5]
    assert LatentBatchSeedBehavior().execute(batch(0, 1), "fixed")[0]["batch_index"] == [0, 0]
    assert "batch_index" not in LatentBatchSeedBehavior().execute(fixed, "random")[0]
    assert fixed["batch_index"] == [5, 5, 5]
