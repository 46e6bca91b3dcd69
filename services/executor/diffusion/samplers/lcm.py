"""Sampling of consistency models."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report


def sample_lcm(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: SamplerNoise, report: Report) -> Tensor:
    """Jump to the estimate and add fresh noise (Luo et al. 2023, LCM; Song et al. 2023, algorithm 1)."""
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x_noisy, x = x, denoise(x, sigma)
        report(step, x_noisy, x)
        if sigma_next > 0:
            x = denoise.model_sampling.prediction.add_noise(sigma_next, noise.normal(x), x)
    return x
