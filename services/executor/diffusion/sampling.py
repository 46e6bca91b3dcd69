"""What a sampling run begins with, and which way it goes: noise, noise levels, and a sampler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.noise import initial_noise
from services.executor.diffusion.samplers import SAMPLERS, Sampler
from services.executor.diffusion.schedules import sigmas_for

Progress = Callable[[int, int, Tensor, Tensor], None]
"""Called after each step's prediction with the step's index, the number of steps, the noisy latent and the denoised
estimate, both in the model's space on its device. What it raises ends the run: interrupts take effect within a step.
"""

MAXIMUM_TOLERANCE = 1e-5


class HasLevels(Protocol):
    """What of a model has to be known to plan a run."""

    @property
    def model_sampling(self) -> ModelSampling:
        """The noise levels it was trained on."""

    @property
    def latent_format(self) -> LatentFormat:
        """The latent space it works in."""


class Plan(NamedTuple):
    """What a run begins with and which way it goes."""

    latent: Tensor
    noise: Tensor
    sigmas: Tensor
    sampler: Sampler


def plan(
    model: HasLevels,
    latent: Tensor,
    *,
    seed: int,
    steps: int,
    sampler: str,
    scheduler: str,
    denoise: float = 1.0,
    start_at_step: int | None = None,
    end_at_step: int | None = None,
    force_full_denoise: bool = False,
    batch_index: Sequence[int] | None = None,
    disable_noise: bool = False,
) -> Plan:
    """Plan a run as ComfyUI's KSampler and KSamplerAdvanced do.

    Args:
        latent: (batch, channels, height, width) in the autoencoder's space.
        seed: 0 to 2**64 - 1.
        sampler: a name in `SAMPLERS`.
        scheduler: a name in `SCHEDULERS`.
        denoise: share of noise to begin with, 0..1.
        start_at_step, end_at_step: the part of the schedule to run; the whole by default.
        force_full_denoise: end at noise level zero even where the schedule is cut short.
        batch_index: the items' places in the batch they were taken from, see `initial_noise`.
        disable_noise: begin with the latent as it is, which holds the noise that an earlier run left.

    Raises:
        ValueError: unknown sampler or scheduler, or a latent of another family.
    """
    if sampler not in SAMPLERS:
        raise ValueError(f"unknown sampler {sampler!r}, expected one of {', '.join(SAMPLERS)}")
    chosen = SAMPLERS[sampler]
    latent = with_channels(latent, model.latent_format.channels)
    sigmas = sigmas_for(
        model.model_sampling,
        scheduler,
        steps,
        denoise=denoise,
        discard_penultimate=chosen.discards_penultimate_sigma,
    )
    sigmas = part_of(sigmas, start_at_step, end_at_step, force_full_denoise)
    noise = torch.zeros_like(latent, dtype=torch.float32, device="cpu")
    if not disable_noise:
        noise = initial_noise(latent.shape, seed, batch_index)
    return Plan(latent, noise, sigmas, chosen)


def with_channels(latent: Tensor, channels: int) -> Tensor:
    """Bring an empty latent to the number of channels a model has.

    Raises:
        ValueError: a latent that is not empty has another number of channels, or it is no picture's.
    """
    if latent.dim() != 4 or not len(latent):
        raise ValueError(f"the model works on latents of one picture or more, not of the shape {list(latent.shape)}")
    if latent.shape[1] == channels:
        return latent
    if latent.count_nonzero():
        raise ValueError(f"the latent has {latent.shape[1]} channels and the model works in {channels}")
    return latent.new_zeros((len(latent), channels, *latent.shape[2:]))


def part_of(sigmas: Tensor, start: int | None, end: int | None, force_full_denoise: bool) -> Tensor:
    """Return the levels from step `start` to step `end`, none when the schedule is over before the start."""
    if end is not None and end < len(sigmas) - 1:
        sigmas = sigmas[: end + 1].clone()
        if force_full_denoise:
            sigmas[-1] = 0.0
    if start is not None:
        sigmas = sigmas[start:] if start < len(sigmas) - 1 else sigmas[:0]
    return sigmas


def is_maximum(model_sampling: ModelSampling, sigma: float) -> bool:
    """Return whether a noise level is the highest that a model was trained on, or above it."""
    highest = float(model_sampling.sigma_max)
    return sigma > highest or abs(sigma - highest) <= MAXIMUM_TOLERANCE * max(sigma, highest)
