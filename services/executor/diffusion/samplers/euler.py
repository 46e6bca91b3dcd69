"""Euler's method on the probability flow ODE, plain, ancestral, and with CFG++."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.churn import Churn
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.steps import ancestral_step, derivative, flow_ancestral_step


def sample_euler(
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
    """Take Euler steps (Karras et al. 2022, algorithm 2 without its second-order correction)."""
    churn = Churn(len(sigmas) - 1, s_churn, s_tmin, s_tmax, s_noise)
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, sigma_hat = churn(x, sigma, noise)
        denoised = denoise(x, sigma_hat)
        report(step, x, denoised)
        x = x + derivative(x, sigma_hat, denoised) * (sigma_next - sigma_hat)
    return x


def sample_euler_ancestral(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Tensor:
    """Take Euler steps to below each level and add noise back up to it (Song et al. 2021; k-diffusion)."""
    if denoise.model_sampling.prediction.is_flow:
        return _flow_ancestral(denoise, x, sigmas, noise, report, eta, s_noise)
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        if sigma_next == 0:
            x = denoised
            continue
        sigma_down, sigma_up = ancestral_step(sigma, sigma_next, eta)
        x = x + derivative(x, sigma, denoised) * (sigma_down - sigma)
        x = x + noise.normal(x) * s_noise * sigma_up
    return x


def _flow_ancestral(
    denoise: Denoise, x: Tensor, sigmas: Tensor, noise: SamplerNoise, report: Report, eta: float, s_noise: float
) -> Tensor:
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        if sigma_next == 0:
            x = denoised
            continue
        sigma_down, scale, sigma_up = flow_ancestral_step(sigma, sigma_next, eta)
        ratio = sigma_down / sigma
        x = ratio * x + (1 - ratio) * denoised
        if eta > 0:
            x = scale * x + noise.normal(x) * s_noise * sigma_up
    return x
