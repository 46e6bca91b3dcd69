"""RES: a second-order exponential multistep integrator, plain and ancestral, each also with CFG++."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.steps import ancestral_step, derivative


def sample_res_multistep(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    eta: float = 0.0,
    s_noise: float = 1.0,
    cfg_pp: bool = False,
) -> Tensor:
    """Satisfy the order conditions of exponential integrators (Zhang et al. 2023, RES).

    Args:
        eta: above 0 for ancestral noise.
        cfg_pp: take noise from the prediction without the positive condition (Chung et al. 2024).
    """
    previous, down_last = None, None
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        if cfg_pp:
            denoised, followed = denoise.with_uncond(x, sigma)
        else:
            denoised = followed = denoise(x, sigma)
        report(step, x, denoised)
        sigma_down, sigma_up = ancestral_step(sigma, sigma_next, eta)
        if sigma_down == 0 or previous is None or down_last is None:
            x = denoised + derivative(x, sigma, followed) * sigma_down
        else:
            h = sigma.log() - sigma_down.log()
            c2 = (down_last.log() - sigmas[step - 1].log()) / h
            phi_1 = (-h).expm1() / -h
            phi_2 = (phi_1 - 1) / -h
            b1, b2 = (phi_1 - phi_2 / c2).nan_to_num(0.0), (phi_2 / c2).nan_to_num(0.0)
            x = (-h).exp() * (x + (denoised - followed)) + h * (b1 * followed + b2 * previous)
        if sigma_next > 0 and eta > 0:
            x = x + noise.normal(x) * s_noise * sigma_up
        previous, down_last = followed, sigma_down
    return x
