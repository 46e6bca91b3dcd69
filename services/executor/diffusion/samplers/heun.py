"""Heun's method, and Heun++ which averages three slopes."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.churn import Churn
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.steps import derivative


def sample_heun(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    s_churn: float = 0.0,
    s_tmin: float = 0.0,
    s_tmax: float = float("inf"),
    s_noise: float = 1.0,
) -> Tensor:
    """Average the slopes at both ends of each step (Karras et al. 2022, algorithm 2)."""
    churn = Churn(len(sigmas) - 1, s_churn, s_tmin, s_tmax, s_noise)
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, sigma_hat = churn(x, sigma, noise)
        denoised = denoise(x, sigma_hat)
        report(step, x, denoised)
        slope = derivative(x, sigma_hat, denoised)
        h = sigma_next - sigma_hat
        if sigma_next == 0:
            x = x + slope * h
            continue
        x_end = x + slope * h
        slope_end = derivative(x_end, sigma_next, denoise(x_end, sigma_next))
        x = x + (slope + slope_end) / 2 * h
    return x


def sample_heunpp2(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    s_churn: float = 0.0,
    s_tmin: float = 0.0,
    s_tmax: float = float("inf"),
    s_noise: float = 1.0,
) -> Tensor:
    """Weigh the slopes at this level and the next two by their sigmas (Carzit 2023, sd-webui-samplers-scheduler)."""
    churn = Churn(len(sigmas) - 1, s_churn, s_tmin, s_tmax, s_noise)
    last = len(sigmas) - 1
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, sigma_hat = churn(x, sigma, noise)
        denoised = denoise(x, sigma_hat)
        report(step, x, denoised)
        slopes = [derivative(x, sigma_hat, denoised)]
        h = sigma_next - sigma_hat
        ahead = sigmas[step + 1 : min(step + 3, last)]  # the last level has no slope of its own
        x_ahead, level = x, sigma
        for sigma_ahead in ahead:
            x_ahead = x_ahead + slopes[-1] * (sigma_ahead - level)
            slopes.append(derivative(x_ahead, sigma_ahead, denoise(x_ahead, sigma_ahead)))
            level = sigma_ahead
        weights = [sigma_ahead / (len(slopes) * sigmas[0]) for sigma_ahead in ahead]
        slope = (1 - sum(weights)) * slopes[0]
        for weight, slope_ahead in zip(weights, slopes[1:], strict=True):
            slope = slope + weight * slope_ahead
        x = x + slope * h
    return x
