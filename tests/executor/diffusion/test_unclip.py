"""Pictures as a vector condition; expected values follow the papers' formulas, written out once more."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.models.timesteps import timestep_embedding
from services.executor.diffusion.unclip import MERGED_NOISE, NoiseAugmentation
from services.executor.patching.clip_vision import Output

WIDTH = 12
MEAN, STD = torch.linspace(-1, 1, WIDTH)[None], torch.linspace(0.5, 2, WIDTH)[None]
AUGMENTATION = NoiseAugmentation(WIDTH, MEAN, STD)


def picture(embeds: Tensor, strength: float = 1.0, noise: float = 0.0) -> dict[str, Any]:
    seen = Output()
    seen.image_embeds = embeds
    return {"clip_vision_output": seen, "strength": strength, "noise_augmentation": noise}


def power(time: float) -> float:
    return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2


def expected(embedding: Tensor, share: float, seed: int) -> Tensor:
    """The cosine schedule's closed form: what is left of a signal is the power at a time over that at the beginning."""
    level = round(999 * share)
    kept = power((level + 1) / 1000) / power(0)
    noise = torch.randn(1, WIDTH, generator=torch.Generator().manual_seed(seed - 10))
    noisy = MEAN + STD * (math.sqrt(kept) * (embedding - MEAN) / STD + math.sqrt(1 - kept) * noise)
    return torch.cat([noisy, timestep_embedding(torch.tensor([level]), WIDTH)], dim=1)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 42, 2**64 - 1])
def test_a_picture_is_noised_by_the_cosine_schedule_from_the_seed(share: float, seed: int) -> None:
    embedding = torch.randn(1, WIDTH)
    vector = AUGMENTATION.vector([picture(embedding, noise=share)], seed)
    torch.testing.assert_close(vector, expected(embedding, share, seed), rtol=0, atol=1e-5)


def test_without_noise_hardly_anything_of_the_picture_is_lost_and_with_all_of_it_everything() -> None:
    one, other = torch.randn(1, WIDTH), torch.randn(1, WIDTH)
    kept = AUGMENTATION.vector([picture(one)], 1)[:, :WIDTH]
    torch.testing.assert_close(kept, one, rtol=0, atol=0.1)
    lost = [AUGMENTATION.vector([picture(embedding, noise=1.0)], 1) for embedding in (one, other)]
    torch.testing.assert_close(*lost, rtol=0, atol=1e-2)


def test_strength_scales_the_vector_of_one_picture() -> None:
    embedding = torch.randn(1, WIDTH)
    half = AUGMENTATION.vector([picture(embedding, strength=0.5)], 3)
    torch.testing.assert_close(half * 2, AUGMENTATION.vector([picture(embedding)], 3))


def test_several_pictures_are_added_by_their_strengths_and_get_noise_once_more() -> None:
    one, other = torch.randn(1, WIDTH), torch.randn(1, WIDTH)
    vector = AUGMENTATION.vector([picture(one, 1.0, 0.1), picture(other, -0.75, 0.3)], 5)
    added = (expected(one, 0.1, 5) - 0.75 * expected(other, 0.3, 5))[:, :WIDTH]
    torch.testing.assert_close(vector, expected(added, MERGED_NOISE, 5), rtol=0, atol=1e-5)


def test_pictures_seen_together_are_as_those_seen_one_after_the_other() -> None:
    both = torch.randn(2, WIDTH)
    together = AUGMENTATION.vector([picture(both, 0.5)], 5)
    apart = AUGMENTATION.vector([picture(both[:1], 0.5), picture(both[1:], 0.5)], 5)
    assert torch.equal(together, apart)


def test_the_same_seed_gives_the_same_and_leaves_the_generator_of_the_process_alone() -> None:
    embedding = torch.randn(1, WIDTH)
    before = torch.random.get_rng_state()
    one, again, other = (AUGMENTATION.vector([picture(embedding, noise=0.5)], seed) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("share", [-0.01, 1.01, math.nan, math.inf])
def test_a_noise_that_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="^noise_augmentation: "):
        AUGMENTATION.vector([picture(torch.ones(1, WIDTH), noise=share)], 0)


def test_what_another_encoder_saw_is_refused_with_both_widths() -> None:
    with pytest.raises(ValueError, match="^clip_vision_output: .* 7 wide.* of 12"):
        AUGMENTATION.vector([picture(torch.ones(1, 7))], 0)
