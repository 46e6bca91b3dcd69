"""Latents brought to a noise level."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.noise import initial_noise
from services.executor.nodes.added_noise import AddNoise
from services.executor.nodes.noise import SeededNoise
from tests.executor.patching.conftest import Loaded, loaded

__all__ = ["loaded"]

NOISE = SeededNoise(7)
SHAPE = (2, 4, 8, 8)


def noisy(models: Loaded, sigmas: list[float], latent: Tensor) -> Tensor:
    (result,) = AddNoise().add_noise(models.model, NOISE, torch.tensor(sigmas), {"samples": latent})
    samples: Tensor = result["samples"]
    return samples


def test_noise_is_that_between_the_first_level_and_the_last(loaded: Loaded) -> None:
    latent, drawn = torch.randn(SHAPE), initial_noise(SHAPE, 7)
    scale = loaded.model.latent_format.scale_factor
    torch.testing.assert_close(noisy(loaded, [5.0, 3.0, 1.0], latent), latent + 4.0 * drawn / scale)
    torch.testing.assert_close(noisy(loaded, [2.0], latent), latent + 2.0 * drawn / scale)
    torch.testing.assert_close(noisy(loaded, [1.0, 5.0], torch.zeros(SHAPE)), 4.0 * drawn / scale)


def test_without_levels_nothing_is_added(loaded: Loaded) -> None:
    latent = torch.randn(SHAPE)
    assert torch.equal(noisy(loaded, [], latent), latent)


def test_what_is_no_number_is_zero(loaded: Loaded) -> None:
    latent = torch.zeros(SHAPE)
    latent[0, 0, 0, :3] = torch.tensor([float("nan"), float("inf"), 1.0])
    found = noisy(loaded, [1.0], latent)
    assert found[0, 0, 0, :2].tolist() == [0.0, 0.0]
    assert bool(found.isfinite().all())


def test_what_does_not_go_together_is_named(loaded: Loaded) -> None:
    with pytest.raises(ValueError, match="^model: "):
        AddNoise().add_noise(None, NOISE, torch.ones(1), {"samples": torch.zeros(SHAPE)})
    with pytest.raises(ValueError, match="16 channels"):
        noisy(loaded, [1.0], torch.ones(1, 16, 8, 8))
