"""SEEDS: stochastic explicit exponential derivative-free solvers of two and three stages.

Lambda is the half log signal-to-noise ratio. Noise is accumulated stage by stage, so that all stages of a step see one
path. eta = 0 is the ODE, eta = 1 the SDE.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.snr import alpha_at, half_log_snr, sigma_at, with_finite_snr


def sample_seeds_2(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r: float = 0.5,
) -> Tensor:
    """Take steps of two stages (Gonzalez et al. 2023, SEEDS-2)."""
    sigmas = with_finite_snr(denoise.model_sampling, sigmas)
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        if sigma_next == 0:
            x = denoised
            continue
        stages = _Stages(denoise.model_sampling, x, sigma, sigma_next, noise, eta, s_noise)
        middle = stages.level(r)
        denoised_2 = denoise(stages.advance(r, -stages.phi_1(r) * denoised), middle)
        share = 1 / (2 * r)
        x = stages.advance(1.0, -stages.phi_1(1.0) * denoised.lerp(denoised_2, share))
    return x


def sample_seeds_3(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r_1: float = 1 / 3,
    r_2: float = 2 / 3,
) -> Tensor:
    """Take steps of three stages (Gonzalez et al. 2023, SEEDS-3)."""
    sigmas = with_finite_snr(denoise.model_sampling, sigmas)
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        if sigma_next == 0:
            x = denoised
            continue
        stages = _Stages(denoise.model_sampling, x, sigma, sigma_next, noise, eta, s_noise)
        denoised_2 = denoise(stages.advance(r_1, -stages.phi_1(r_1) * denoised), stages.level(r_1))
        a2 = r_2 / r_1 * stages.phi_2(r_2)
        weighed = (stages.phi_1(r_2) - a2) * denoised + a2 * denoised_2
        denoised_3 = denoise(stages.advance(r_2, -weighed), stages.level(r_2))
        b3 = stages.phi_2(1.0) / r_2
        weighed = (stages.phi_1(1.0) - b3) * denoised + b3 * denoised_3
        x = stages.advance(1.0, -weighed)
    return x


class _Stages:
    """What the stages of one step share; positions are shares of the step in lambda."""

    def __init__(
        self,
        model_sampling: ModelSampling,
        x: Tensor,
        sigma: Tensor,
        sigma_next: Tensor,
        noise: SamplerNoise,
        eta: float,
        s_noise: float,
    ) -> None:
        self._model_sampling, self._x, self._sigma, self._sigma_next = model_sampling, x, sigma, sigma_next
        self._noise, self._eta, self._s_noise = noise, eta, s_noise
        self._start = half_log_snr(model_sampling, sigma)
        self._h = half_log_snr(model_sampling, sigma_next) - self._start
        self._path: Tensor | None = None
        self._position = 0.0

    def level(self, position: float) -> Tensor:
        """Return the noise level at a position."""
        return self._sigma_next if position == 1.0 else sigma_at(self._model_sampling, self._start + position * self._h)

    def phi_1(self, position: float) -> Tensor:
        """Return h * phi_1 of the exponent up to a position."""
        return (-position * self._h * (self._eta + 1)).expm1()

    def phi_2(self, position: float) -> Tensor:
        """Return h * phi_2 of the exponent up to a position."""
        exponent = -position * self._h * (self._eta + 1)
        return (exponent.expm1() - exponent) / exponent

    def advance(self, position: float, estimate: Tensor) -> Tensor:
        """Return the latent at a position, from the weighed estimates up to there and the noise accumulated."""
        sigma = self.level(position)
        decay = (-position * self._h * self._eta).exp()
        x = sigma / self._sigma * decay * self._x + alpha_at(self._model_sampling, sigma) * estimate
        if self._eta > 0 and self._s_noise > 0:
            x = x + self._noise_until(position) * sigma * self._s_noise
        return x

    def _noise_until(self, position: float) -> Tensor:
        decay = (self._position - position) * self._h * self._eta
        fresh = (2 * decay).expm1().neg().sqrt() * self._noise.normal(self._x)
        self._path = fresh if self._path is None else self._path * decay.exp() + fresh
        self._position = position
        return self._path
