"""Stochastic churn: a little new noise before each step."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise

LARGEST_GAMMA = 2**0.5 - 1  # a step adds at most as much noise as there is


@dataclass(frozen=True)
class Churn:
    """The noise increase of Karras et al. (2022), algorithm 2, lines 4 to 6."""

    steps: int
    s_churn: float
    s_tmin: float
    s_tmax: float
    s_noise: float

    def __call__(self, x: Tensor, sigma: Tensor, noise: SamplerNoise) -> tuple[Tensor, Tensor]:
        """Return the latent with noise added, and its noise level."""
        if not self.s_churn or not self.s_tmin <= sigma <= self.s_tmax:
            return x, sigma
        sigma_hat = sigma * (min(self.s_churn / self.steps, LARGEST_GAMMA) + 1)
        added = noise.continued(x) * self.s_noise * (sigma_hat**2 - sigma**2) ** 0.5
        return x + added, sigma_hat
