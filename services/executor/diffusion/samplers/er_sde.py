"""ER-SDE: solvers of extended reverse-time SDEs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.snr import half_log_snr, with_finite_snr

NoiseScale = Callable[[Tensor], Tensor]

POINTS = 200  # of the sums that stand for integrals


def sample_er_sde(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    s_noise: float = 1.0,
    max_stage: int = 3,
    solver_type: str = "ER-SDE",
    eta: float = 1.0,
) -> Tensor:
    """Solve in lambda = sigma / alpha by Taylor expansion of the estimate (Cui et al. 2023, ER-SDE).

    Args:
        max_stage: order of the expansion, 1 to 3.
        solver_type: which noise the SDE has: "ER-SDE" (the paper's best), "Reverse-time SDE" or "ODE".
        eta: amount of noise of the reverse-time SDE.
    """
    model_sampling = denoise.model_sampling
    scale_of = noise_scale(solver_type, eta)
    if solver_type == "ODE" or (solver_type == "Reverse-time SDE" and eta == 0):
        s_noise = 0.0
    sigmas = with_finite_snr(model_sampling, sigmas)
    lambdas = half_log_snr(model_sampling, sigmas).neg().exp()
    previous: Tensor | None = None
    slope_last: Tensor | None = None
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        if sigma_next == 0:
            x = denoised
            continue
        now, then = lambdas[step], lambdas[step + 1]
        alpha, alpha_next = sigma / now, sigma_next / then
        ratio = scale_of(then) / scale_of(now)
        x = alpha_next / alpha * ratio * x + alpha_next * (1 - ratio) * denoised
        if previous is not None and max_stage >= 2:
            points = then + torch.arange(POINTS) * (now - then) / POINTS
            weights = (now - then) / POINTS / scale_of(points)
            slope = (denoised - previous) / (now - lambdas[step - 1])
            x = x + alpha_next * (then - now + weights.sum() * scale_of(then)) * slope
            if slope_last is not None and max_stage >= 3:
                curvature = (slope - slope_last) / ((now - lambdas[step - 2]) / 2)
                moment = (weights * (points - now)).sum()
                x = x + alpha_next * ((then - now) ** 2 / 2 + moment * scale_of(then)) * curvature
            slope_last = slope
        if s_noise > 0:
            deviation = (then**2 - now**2 * ratio**2).sqrt().nan_to_num(0.0)
            x = x + alpha_next * noise.normal(x) * s_noise * deviation
        previous = denoised
    return x


def noise_scale(solver_type: str, eta: float) -> NoiseScale:
    """Return the paper's noise scale function phi of lambda (Cui et al. 2023)."""
    match solver_type:
        case "ER-SDE":
            return lambda level: level * ((level**0.3).exp() + 10.0)
        case "Reverse-time SDE":
            return lambda level: level ** (eta + 1)
        case "ODE":
            return lambda level: level
    raise ValueError(f"unknown solver type {solver_type!r}, expected ER-SDE, Reverse-time SDE or ODE")
