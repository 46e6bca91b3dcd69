"""DEIS: exponential integration of a polynomial in the time of a variance-preserving process."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.steps import derivative

POINTS = 10000  # of the sum that stands for an integral


def sample_deis(
    denoise: Denoise, x: Tensor, sigmas: Tensor, noise: SamplerNoise, report: Report, *, max_order: int = 3
) -> Tensor:
    """Extrapolate the noise by a polynomial in time (Zhang and Chen 2023, tAB-DEIS)."""
    process = VariancePreserving()
    levels = sigmas.tolist()
    slopes: list[Tensor] = []
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        slopes = [derivative(x, sigma, denoised), *slopes[: max_order - 1]]
        if sigma_next == 0 or len(slopes) == 1:
            x = x + (sigma_next - sigma) * slopes[0]
            continue
        nodes = levels[step + 1 - len(slopes) : step + 1][::-1]
        for weight, slope in zip(process.integrals(nodes, levels[step + 1]), slopes, strict=True):
            x = x + weight * slope
    return x


@dataclass(frozen=True)
class VariancePreserving:
    """A process with linear beta whose sigmas run from sigma_min to sigma_max over times epsilon to 1."""

    sigma_min: float = 0.002
    sigma_max: float = 80.0
    epsilon: float = 1e-3

    @property
    def beta_slope(self) -> float:
        """The increase of beta over the unit of time."""
        low, high = math.log(self.sigma_min**2 + 1), math.log(self.sigma_max**2 + 1)
        return 2 * (low / self.epsilon - high) / (self.epsilon - 1)

    @property
    def beta_start(self) -> float:
        """Beta at time 0."""
        return math.log(self.sigma_max**2 + 1) - 0.5 * self.beta_slope

    def time(self, sigma: float) -> float:
        """Return the time of a noise level (Song et al. 2021, score SDE, appendix C)."""
        root = math.sqrt(self.beta_start**2 + 2 * self.beta_slope * math.log(sigma**2 + 1))
        return (root - self.beta_start) / self.beta_slope

    def integrals(self, nodes: list[float], sigma_next: float) -> list[float]:
        """Return for each node the integral over d sigma of its basis polynomial in time, from the first node on."""
        times = [self.time(sigma) for sigma in nodes]
        end = self.time(sigma_next)
        points = torch.linspace(times[0], end, POINTS, dtype=torch.float64)
        alpha = (-0.5 * points**2 * self.beta_slope - points * self.beta_start).exp()
        density = 0.5 * (self.beta_start + points * self.beta_slope) / (alpha * (1 - alpha)).sqrt()
        width = (end - times[0]) / POINTS
        return [float((density * _basis(times, index, points)).sum()) * width for index in range(len(times))]


def _basis(nodes: list[float], index: int, points: Tensor) -> Tensor:
    value = torch.ones_like(points)
    for place, node in enumerate(nodes):
        if place != index:
            value *= (points - node) / (nodes[index] - node)
    return value
