"""Improved pseudo numerical methods: Adams-Bashforth on the slopes of the last steps."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.steps import derivative

# Adams-Bashforth weights by order, newest slope first.
EVEN_WEIGHTS = {
    1: (1.0,),
    2: (3 / 2, -1 / 2),
    3: (23 / 12, -16 / 12, 5 / 12),
    4: (55 / 24, -59 / 24, 37 / 24, -9 / 24),
}


def sample_ipndm(
    denoise: Denoise, x: Tensor, sigmas: Tensor, noise: SamplerNoise, report: Report, *, max_order: int = 4
) -> Tensor:
    """Weigh the slopes as if steps were even (Zhang and Chen 2023, iPNDM; after Liu et al. 2022, PNDM)."""
    slopes: list[Tensor] = []
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        slopes = [derivative(x, sigma, denoised), *slopes[: max_order - 1]]
        if sigma_next == 0:
            x = denoised
            continue
        x = x + (sigma_next - sigma) * _weighed(slopes, EVEN_WEIGHTS[len(slopes)])
    return x


def sample_ipndm_v(
    denoise: Denoise, x: Tensor, sigmas: Tensor, noise: SamplerNoise, report: Report, *, max_order: int = 4
) -> Tensor:
    """Weigh the slopes by the sizes of their steps (diff-sampler's variable-step iPNDM, Zhou et al. 2024)."""
    levels = sigmas.tolist()
    slopes: list[Tensor] = []
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        slopes = [derivative(x, sigma, denoised), *slopes[: max_order - 1]]
        if sigma_next == 0:
            x = denoised
            continue
        steps = [levels[step + 1 - back] - levels[step - back] for back in range(len(slopes))]
        x = x + (sigma_next - sigma) * _weighed(slopes, variable_weights(steps))
    return x


def variable_weights(steps: list[float]) -> list[float]:
    """Return Adams-Bashforth weights for steps of the given sizes, newest first.

    In the form that diff-sampler published and pictures depend on: its second-difference term and its oldest weight of
    order four differ from the exact integrals (Hairer, Norsett and Wanner 1993, III.5).
    """
    order = len(steps)
    weights = [1.0] + [0.0] * (order - 1)
    if order == 1:
        return weights
    h, h1, *earlier = steps
    _add(weights, h / h1 / 2, (1.0, -1.0))
    if order == 2:
        return weights
    h2 = earlier[0]
    second = (1 - h / (3 * (h + h1)) * (h * (h + h1)) / (h1 * (h1 + h2))) / 2
    _add(weights, second, (1.0, -(1 + h1 / h2), h1 / h2))
    if order == 3:
        return weights
    h3 = earlier[1]
    share = h1 * (h1 + h2) / (h2 * (h2 + h3))
    third = (1 - h / (3 * (h + h1))) / 2 + (1 - h / (2 * (h + h1))) * h / (6 * (h + h1 + h2))
    third *= h * (h + h1) * (h + h1 + h2) / (h1 * (h1 + h2) * (h1 + h2 + h3))
    _add(weights, third, (1.0, -(1 + h1 / h2 + share), h1 / h2 + share * (1 + h2 / h3), -share * h1 / h2))
    return weights


def _add(weights: list[float], amount: float, shares: tuple[float, ...]) -> None:
    for place, share in enumerate(shares):
        weights[place] += amount * share


def _weighed(slopes: list[Tensor], weights: tuple[float, ...] | list[float]) -> Tensor:
    total = weights[0] * slopes[0]
    for weight, slope in zip(weights[1:], slopes[1:], strict=True):
        total = total + weight * slope
    return total
