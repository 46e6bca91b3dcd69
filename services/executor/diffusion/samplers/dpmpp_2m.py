"""DPM-Solver++(2M), plain and with CFG++."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report


def sample_dpmpp_2m(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: SamplerNoise, report: Report) -> Tensor:
    """Take second-order multistep steps (Lu et al. 2022, DPM-Solver++, algorithm 2)."""
    previous, h_last = None, None
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        report(step, x, denoised)
        h = sigma.log() - sigma_next.log()
        extrapolated = denoised
        if previous is not None and h_last is not None and sigma_next > 0:
            r = h_last / h
            extrapolated = (1 + 1 / (2 * r)) * denoised - (1 / (2 * r)) * previous
        x = (sigma_next / sigma) * x - (-h).expm1() * extrapolated
        previous, h_last = denoised, h
    return x


def sample_dpmpp_2m_cfg_pp(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: SamplerNoise, report: Report) -> Tensor:
    """Take second-order multistep steps whose noise is unguided (Chung et al. 2024, CFG++)."""
    previous_uncond, h_last = None, None
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised, uncond = denoise.with_uncond(x, sigma)
        report(step, x, denoised)
        h = sigma.log() - sigma_next.log()
        x = denoised + (-h).exp() * (x - uncond)
        if previous_uncond is not None and h_last is not None and sigma_next > 0:
            x = x - (-h).expm1() * (h / (2 * h_last)) * (denoised - previous_uncond)
        previous_uncond, h_last = uncond, h
    return x
