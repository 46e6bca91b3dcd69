"""Gradient estimation: the change between slopes, followed a little further."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.steps import derivative


def sample_gradient_estimation(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    ge_gamma: float = 2.0,
    cfg_pp: bool = False,
) -> Tensor:
    """Correct Euler steps by the last change of slope (Permenter and Yuan 2024).

    Args:
        ge_gamma: 1 is Euler's method, the paper recommends 2.
        cfg_pp: take noise from the prediction without the positive condition (Chung et al. 2024).
    """
    slope_last = None
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        if cfg_pp:
            denoised, followed = denoise.with_uncond(x, sigma)
        else:
            denoised = followed = denoise(x, sigma)
        report(step, x, denoised)
        slope = derivative(x, sigma, followed)
        h = sigma_next - sigma
        if sigma_next == 0:
            x = denoised
        else:
            x = denoised + slope * sigma_next
            if slope_last is not None:
                x = x + (ge_gamma - 1) * (slope - slope_last) * h
        slope_last = slope
    return x
