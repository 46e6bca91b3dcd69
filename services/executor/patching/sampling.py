"""Sampling from a MODEL, with everything that nodes changed about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from services.executor.diffusion.conditioning import Conditioning
from services.executor.diffusion.sampling import Progress, plan
from services.executor.patching.guider import CFGGuider
from services.executor.patching.model_patcher import ModelPatcher

StepCallback = Callable[[int, Tensor, Tensor, int], Any]
"""Called with the step's index, the denoised estimate, the noisy latent, and the number of steps."""


def sample(
    model: ModelPatcher,
    positive: Conditioning,
    negative: Conditioning,
    latent: Tensor,
    *,
    seed: int,
    cfg: float,
    noise_mask: Tensor | None = None,
    report: Progress | None = None,
    **how: Any,
) -> Tensor:
    """Denoise a latent (batch, channels, height, width) in the autoencoder's space under guidance.

    Args:
        cfg: the scale of guidance; 1 is the positive prediction alone.
        noise_mask: what is made new; the latent stays elsewhere.
        report: called after each step.
        how: see `plan`.

    Returns:
        The latent, float32 on the CPU.
    """
    planned = plan(model, latent, seed=seed, **how)
    return sample_sigmas(
        model, positive, negative, *planned, cfg=cfg, seed=seed, noise_mask=noise_mask, callback=callback_of(report)
    )


def sample_sigmas(
    model: ModelPatcher,
    positive: Conditioning,
    negative: Conditioning,
    latent: Tensor,
    noise: Tensor,
    sigmas: Tensor,
    sampler: Any,
    *,
    cfg: float,
    seed: int | None,
    noise_mask: Tensor | None = None,
    callback: StepCallback | None = None,
) -> Tensor:
    """Run a sampler over given noise levels, beginning with given noise."""
    guider = CFGGuider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(cfg)
    return guider.sample(noise, latent, sampler, sigmas, denoise_mask=noise_mask, callback=callback, seed=seed)


def callback_of(report: Progress | None) -> StepCallback | None:
    """What tells a report of steps, for samplers that call back."""
    if report is None:
        return None
    return lambda step, denoised, noisy, steps: report(step, steps, noisy, denoised)
