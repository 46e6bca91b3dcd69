"""Euler's method with CFG++: noise is taken from the prediction without the positive condition."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.snr import alpha_at
from services.executor.diffusion.samplers.steps import ancestral_step, derivative


def sample_euler_ancestral_cfg_pp(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Tensor:
    """Step from the guided estimate along the unguided noise (Chung et al. 2024, CFG++, algorithm 2)."""
    model_sampling = denoise.model_sampling
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised, uncond = denoise.with_uncond(x, sigma)
        report(step, x, denoised)
        if sigma_next == 0:
            x = denoised
            continue
        alpha, alpha_next = alpha_at(model_sampling, sigma), alpha_at(model_sampling, sigma_next)
        direction = derivative(x, sigma, alpha * uncond)
        sigma_down, sigma_up = ancestral_step(sigma / alpha, sigma_next / alpha_next, eta)
        x = alpha_next * denoised + alpha_next * sigma_down * direction
        if eta > 0 and s_noise > 0:
            x = x + alpha_next * noise.normal(x) * s_noise * sigma_up
    return x


def sample_euler_cfg_pp(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: SamplerNoise, report: Report) -> Tensor:
    """Step without new noise (Chung et al. 2024, CFG++, algorithm 2 with DDIM's step)."""
    return sample_euler_ancestral_cfg_pp(denoise, x, sigmas, noise, report, eta=0.0)
