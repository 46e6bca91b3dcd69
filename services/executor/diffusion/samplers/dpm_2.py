"""DPM-Solver-2: a step by the slope at its geometric middle."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.churn import Churn
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.steps import ancestral_step, derivative, flow_ancestral_step


def sample_dpm_2(
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
    """Step by the slope at the geometric middle (Lu et al. 2022, DPM-Solver, algorithm 1; churn as Karras et al.)."""
    churn = Churn(len(sigmas) - 1, s_churn, s_tmin, s_tmax, s_noise)
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, sigma_hat = churn(x, sigma, noise)
        denoised = denoise(x, sigma_hat)
        report(step, x, denoised)
        x = _midpoint_step(denoise, x, sigma_hat, sigma_next, denoised)
    return x


def sample_dpm_2_ancestral(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Tensor:
    """Step to below each level and add noise back up to it (DPM-Solver-2 with k-diffusion's ancestral step)."""
    is_flow = denoise.model_sampling.prediction.is_flow
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        if is_flow:
            sigma_down, scale, sigma_up = flow_ancestral_step(sigma, sigma_next, eta)
        else:
            scale = None
            sigma_down, sigma_up = ancestral_step(sigma, sigma_next, eta)
        x = _midpoint_step(denoise, x, sigma, sigma_down, denoised)
        if sigma_next > 0:
            x = (x if scale is None else scale * x) + noise.normal(x) * s_noise * sigma_up
    return x


def _midpoint_step(denoise: Denoise, x: Tensor, sigma: Tensor, sigma_next: Tensor, denoised: Tensor) -> Tensor:
    slope = derivative(x, sigma, denoised)
    if sigma_next == 0:
        return x + slope * (sigma_next - sigma)
    sigma_mid = sigma.log().lerp(sigma_next.log(), 0.5).exp()
    x_mid = x + slope * (sigma_mid - sigma)
    slope_mid = derivative(x_mid, sigma_mid, denoise(x_mid, sigma_mid))
    return x + slope_mid * (sigma_next - sigma)
