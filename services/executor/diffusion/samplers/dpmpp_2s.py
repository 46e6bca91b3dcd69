"""DPM-Solver++(2S) with ancestral noise, plain and with CFG++."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.snr import half_log_snr, sigma_at
from services.executor.diffusion.samplers.steps import ancestral_step, derivative, flow_ancestral_step

ALMOST_PURE_NOISE = 0.9999  # stands for a flow's sigma of 1 when the middle of the first step is sought


def sample_dpmpp_2s_ancestral(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Tensor:
    """Take second-order single steps with noise in between (Lu et al. 2022, DPM-Solver++, algorithm 1; k-diffusion)."""
    model_sampling = denoise.model_sampling
    is_flow = model_sampling.prediction.is_flow
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        if is_flow:
            sigma_down, scale, sigma_up = flow_ancestral_step(sigma, sigma_next, eta)
        else:
            scale = None
            sigma_down, sigma_up = ancestral_step(sigma, sigma_next, eta)
        if sigma_down == 0:
            x = x + derivative(x, sigma, denoised) * (sigma_down - sigma)
            continue
        start = half_log_snr(model_sampling, sigma if sigma < 1 or not is_flow else sigma * ALMOST_PURE_NOISE)
        end = half_log_snr(model_sampling, sigma_down)
        sigma_mid = sigma_at(model_sampling, start + (end - start) / 2)
        x_mid = _towards(x, sigma, sigma_mid, denoised)
        x = _towards(x, sigma, sigma_down, denoise(x_mid, sigma_mid))
        if sigma_next > 0 and eta > 0:
            x = (x if scale is None else scale * x) + noise.normal(x) * s_noise * sigma_up
    return x


def sample_dpmpp_2s_ancestral_cfg_pp(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Tensor:
    """Take the steps of DPM-Solver++(2S) from latents moved by the guidance (Chung et al. 2024, CFG++)."""
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised, uncond = denoise.with_uncond(x, sigma)
        report(step, x, denoised)
        sigma_down, sigma_up = ancestral_step(sigma, sigma_next, eta)
        if sigma_down == 0:
            x = denoised
            continue
        guided = x + (denoised - uncond)
        sigma_mid = (sigma.log() + (sigma_down.log() - sigma.log()) / 2).exp()
        x_mid = _towards(guided, sigma, sigma_mid, denoised)
        denoised_mid, uncond_mid = denoise.with_uncond(x_mid, sigma_mid)
        x = _towards(x + (denoised - uncond_mid), sigma, sigma_down, denoised_mid)
        if sigma_next > 0:
            x = x + noise.normal(x) * s_noise * sigma_up
    return x


def _towards(x: Tensor, sigma: Tensor, sigma_next: Tensor, denoised: Tensor) -> Tensor:
    ratio = sigma_next / sigma
    return ratio * x + (1 - ratio) * denoised
