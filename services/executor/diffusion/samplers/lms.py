"""Linear multistep: a polynomial through the last slopes, integrated over the step."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.polynomials import lagrange_integrals
from services.executor.diffusion.samplers.steps import derivative


def sample_lms(
    denoise: Denoise, x: Tensor, sigmas: Tensor, noise: SamplerNoise, report: Report, *, order: int = 4
) -> Tensor:
    """Take Adams-Bashforth steps of variable size in sigma (Hairer, Norsett and Wanner 1993, III.5; k-diffusion)."""
    levels = sigmas.tolist()
    slopes: list[Tensor] = []
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        slopes = [derivative(x, sigma, denoised), *slopes[: order - 1]]
        if sigma_next == 0:
            x = denoised
            continue
        nodes = levels[step + 1 - len(slopes) : step + 1][::-1]
        for weight, slope in zip(lagrange_integrals(nodes, levels[step], levels[step + 1]), slopes, strict=True):
            x = x + weight * slope
    return x
