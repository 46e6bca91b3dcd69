"""`comfy.sample`: noise, and sampling with our own samplers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from services.executor.custom.modules.comfy_samplers import KSampler
from services.executor.diffusion.noise import initial_noise
from services.executor.diffusion.sampling import with_channels
from services.executor.patching.conds import prepare_mask as prepare_mask
from services.executor.patching.sampling import StepCallback, sample_sigmas


def prepare_noise(latent_image: Tensor, seed: int, noise_inds: Sequence[int] | None = None) -> Tensor:
    """The noise of a seed for a latent; items with an index get the noise that they had in their former batch."""
    return initial_noise(latent_image.shape, seed, noise_inds, latent_image.dtype)


def fix_empty_latent_channels(model: Any, latent_image: Tensor, *args: Any) -> Tensor:
    """An empty latent with the channels of a model.

    Raises:
        ValueError: one that is not empty has others.
    """
    return with_channels(latent_image, model.latent_format.channels)


def sample(
    model: Any,
    noise: Tensor,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Any,
    negative: Any,
    latent_image: Tensor,
    denoise: float = 1.0,
    disable_noise: bool = False,
    start_step: int | None = None,
    last_step: int | None = None,
    force_full_denoise: bool = False,
    noise_mask: Tensor | None = None,
    sigmas: Tensor | None = None,
    callback: StepCallback | None = None,
    disable_pbar: bool = False,
    seed: int | None = None,
) -> Tensor:
    """Denoise a latent as the KSampler node does; `noise` is given, zeros for none."""
    sampler = KSampler(model, steps, model.device, sampler_name, scheduler, denoise)
    return sampler.sample(
        noise,
        positive,
        negative,
        cfg,
        latent_image,
        start_step,
        last_step,
        force_full_denoise,
        noise_mask,
        sigmas,
        callback,
        disable_pbar,
        seed,
    )


def sample_custom(
    model: Any,
    noise: Tensor,
    cfg: float,
    sampler: Any,
    sigmas: Tensor,
    positive: Any,
    negative: Any,
    latent_image: Tensor,
    noise_mask: Tensor | None = None,
    callback: StepCallback | None = None,
    disable_pbar: bool = False,
    seed: int | None = None,
) -> Tensor:
    """Denoise a latent with a sampler over given noise levels."""
    return sample_sigmas(
        model,
        positive,
        negative,
        latent_image,
        noise,
        sigmas,
        sampler,
        cfg=cfg,
        seed=seed,
        noise_mask=noise_mask,
        callback=callback,
    )
