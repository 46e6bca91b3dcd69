"""DDPM's ancestral sampling."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.steps import derivative


def sample_ddpm(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: SamplerNoise, report: Report) -> Tensor:
    """Draw from the posterior of each step (Ho et al. 2020, algorithm 2), on latents scaled to unit variance."""
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        kept, kept_next = 1 / (sigma**2 + 1), 1 / (sigma_next**2 + 1)  # alpha bar of either level
        alpha = kept / kept_next
        epsilon = derivative(x, sigma, denoised)
        x = (1 / alpha) ** 0.5 * (x * kept**0.5 - (1 - alpha) / (1 - kept) ** 0.5 * epsilon)
        if sigma_next > 0:
            x = x + ((1 - alpha) * (1 - kept_next) / (1 - kept)) ** 0.5 * noise.normal(x)
            x = x / kept_next**0.5
    return x
