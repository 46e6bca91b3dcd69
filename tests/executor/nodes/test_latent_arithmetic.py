"""Nodes that calculate with latents."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from services.executor.nodes.latent import Latent
from services.executor.nodes.latent_arithmetic import (
    LatentAdd,
    LatentBlend,
    LatentInterpolate,
    LatentMultiply,
    LatentSubtract,
)


def latent(*values: float, height: int = 1, width: int = 1) -> Latent:
    """One latent whose cells all have these channels."""
    return {"samples": torch.tensor(values).reshape(1, -1, 1, 1).expand(1, len(values), height, width).clone()}


def test_sum_and_difference_keep_what_else_the_first_latent_has() -> None:
    first, second = latent(1.0, 2.0) | {"noise_mask": "kept"}, latent(10.0, 20.0) | {"batch_index": [3]}
    (total,) = LatentAdd().execute(first, second)
    assert total["samples"].flatten().tolist() == [11.0, 22.0]
    assert total["noise_mask"] == "kept" and "batch_index" not in total
    assert LatentSubtract().execute(first, second)[0]["samples"].flatten().tolist() == [-9.0, -18.0]
    assert first["samples"].flatten().tolist() == [1.0, 2.0]


def test_the_second_latent_is_brought_to_the_size_and_batch_of_the_first() -> None:
    first, second = {"samples": torch.zeros(3, 2, 4, 4)}, latent(1.0, 2.0, height=3, width=7)
    (total,) = LatentAdd().execute(first, second)
    assert torch.equal(total["samples"], torch.tensor([1.0, 2.0]).reshape(1, 2, 1, 1).expand(3, 2, 4, 4))


def test_a_latent_is_multiplied() -> None:
    assert LatentMultiply().execute(latent(1.0, -2.0), -0.5)[0]["samples"].flatten().tolist() == [-0.5, 1.0]


def test_interpolation_turns_the_direction_and_mixes_the_lengths() -> None:
    (between,) = LatentInterpolate().execute(latent(2.0, 0.0), latent(0.0, 4.0), 0.5)
    half = 3 / 2**0.5
    torch.testing.assert_close(between["samples"].flatten(), torch.tensor([half, half]))


def test_interpolation_of_empty_latents_is_empty() -> None:
    (between,) = LatentInterpolate().execute(latent(0.0, 0.0), latent(0.0, 0.0), 0.3)
    assert between["samples"].flatten().tolist() == [0.0, 0.0]


def test_a_blend_is_the_weighted_mean() -> None:
    (blended,) = LatentBlend().blend(latent(4.0), latent(8.0), 0.25)
    assert blended["samples"].flatten().tolist() == [7.0]


def test_a_blend_brings_the_second_latent_to_the_size_of_the_first() -> None:
    (blended,) = LatentBlend().blend(latent(1.0, height=2, width=6), latent(3.0, height=5, width=5), 0.5)
    torch.testing.assert_close(blended["samples"], torch.full((1, 1, 2, 6), 2.0))


@pytest.mark.parametrize(
    "node", [LatentAdd().execute, LatentSubtract().execute, lambda a, b: LatentBlend().blend(a, b, 1)]
)
def test_latents_of_other_channels_are_named(node: Any) -> None:
    with pytest.raises(ValueError, match="^samples2: a latent of 3 channels does not go with one of 2 channels$"):
        node(latent(1.0, 2.0), latent(1.0, 2.0, 3.0))
    with pytest.raises(ValueError, match="4 channels x 9 frames"):
        node(latent(1.0, 2.0), {"samples": torch.zeros(1, 4, 9, 1, 1)})
