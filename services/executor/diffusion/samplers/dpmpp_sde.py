"""DPM-Solver++ for the diffusion SDE: single-step, and multistep of second and third order.

Noise comes from one Brownian path, so that more steps refine the same picture. Lambda is the half log signal-to-noise
ratio; eta = 0 is the ODE, eta = 1 the SDE (Lu et al. 2022, DPM-Solver++; k-diffusion).
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.snr import alpha_at, half_log_snr, sigma_at, with_finite_snr
from services.executor.diffusion.samplers.steps import ancestral_step


def sample_dpmpp_sde(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r: float = 0.5,
    noise_on_device: bool = False,
) -> Tensor:
    """Take second-order single steps through a level at r of each step (DPM-Solver++(2S) for the SDE)."""
    model_sampling = denoise.model_sampling
    between = noise.brownian(x, sigmas, on_device=noise_on_device)
    sigmas = with_finite_snr(model_sampling, sigmas)

    def step_to(sigma: Tensor, sigma_next: Tensor, estimate: Tensor) -> Tensor:
        start, end = half_log_snr(model_sampling, sigma), half_log_snr(model_sampling, sigma_next)
        down, up = ancestral_step(start.neg().exp(), end.neg().exp(), eta)
        h = down.log().neg() - start
        alpha, alpha_next = alpha_at(model_sampling, sigma), alpha_at(model_sampling, sigma_next)
        stepped = (alpha_next / alpha) * (-h).exp() * x - alpha_next * (-h).expm1() * estimate
        if eta > 0 and s_noise > 0:
            stepped = stepped + alpha_next * between(sigma, sigma_next) * s_noise * up
        return stepped

    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        if sigma_next == 0:
            x = denoised
            continue
        start, end = half_log_snr(model_sampling, sigma), half_log_snr(model_sampling, sigma_next)
        sigma_inner = sigma_at(model_sampling, start + r * (end - start))
        inner = denoise(step_to(sigma, sigma_inner, denoised), sigma_inner)
        share = 1 / (2 * r)
        x = step_to(sigma, sigma_next, (1 - share) * denoised + share * inner)
    return x


def sample_dpmpp_2m_sde(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    solver_type: str = "midpoint",
    noise_on_device: bool = False,
) -> Tensor:
    """Take second-order multistep steps (Lu et al. 2022, DPM-Solver++, SDE-DPM-Solver++(2M)).

    Args:
        solver_type: "midpoint" or "heun", which of the paper's two approximations extrapolates.
    """
    if solver_type not in ("midpoint", "heun"):
        raise ValueError(f"unknown solver type {solver_type!r}, expected midpoint or heun")
    model_sampling = denoise.model_sampling
    between = noise.brownian(x, sigmas, on_device=noise_on_device)
    sigmas = with_finite_snr(model_sampling, sigmas)
    previous, h_last = None, None
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        if sigma_next == 0:
            x = denoised
            continue
        h = half_log_snr(model_sampling, sigma_next) - half_log_snr(model_sampling, sigma)
        h_eta = h * (eta + 1)
        alpha, growth = alpha_at(model_sampling, sigma_next), (-h_eta).expm1().neg()
        x = sigma_next / sigma * (-h * eta).exp() * x + alpha * growth * denoised
        if previous is not None and h_last is not None:
            change = (denoised - previous) * (h / h_last)
            share = growth / -h_eta + 1 if solver_type == "heun" else 0.5 * growth
            x = x + alpha * share * change
        if eta > 0 and s_noise > 0:
            x = x + between(sigma, sigma_next) * sigma_next * _deviation(h, eta) * s_noise
        previous, h_last = denoised, h
    return x


def sample_dpmpp_3m_sde(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    noise_on_device: bool = False,
) -> Tensor:
    """Take third-order multistep steps (k-diffusion's extension of SDE-DPM-Solver++ by the phi functions)."""
    model_sampling = denoise.model_sampling
    between = noise.brownian(x, sigmas, on_device=noise_on_device)
    sigmas = with_finite_snr(model_sampling, sigmas)
    estimates: list[Tensor] = []  # the last two, newest first
    lengths: list[Tensor] = []  # of the steps they began
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        if sigma_next == 0:
            x = denoised
            continue
        h = half_log_snr(model_sampling, sigma_next) - half_log_snr(model_sampling, sigma)
        h_eta = h * (eta + 1)
        alpha = alpha_at(model_sampling, sigma_next)
        x = sigma_next / sigma * (-h * eta).exp() * x + alpha * (-h_eta).expm1().neg() * denoised
        phi_2 = (-h_eta).expm1() / h_eta + 1
        if len(estimates) == 1:
            x = x + alpha * phi_2 * (denoised - estimates[0]) / (lengths[0] / h)
        elif estimates:
            r0, r1 = lengths[0] / h, lengths[1] / h
            slope, slope_before = (denoised - estimates[0]) / r0, (estimates[0] - estimates[1]) / r1
            curvature = (slope - slope_before) / (r0 + r1)
            phi_3 = phi_2 / h_eta - 0.5
            x = x + alpha * phi_2 * (slope + curvature * r0) - alpha * phi_3 * curvature
        if eta > 0 and s_noise > 0:
            x = x + between(sigma, sigma_next) * sigma_next * _deviation(h, eta) * s_noise
        estimates, lengths = [denoised, *estimates[:1]], [h, *lengths[:1]]
    return x


def _deviation(h: Tensor, eta: float) -> Tensor:
    return (-2 * h * eta).expm1().neg().sqrt()
