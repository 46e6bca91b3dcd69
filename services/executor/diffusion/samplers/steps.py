"""The arithmetic of one step that several samplers share.

Sigmas are 0-dim float32 tensors on the CPU throughout.
"""

from __future__ import annotations

import torch
from torch import Tensor


def derivative(x: Tensor, sigma: Tensor, denoised: Tensor) -> Tensor:
    """Return dx/dsigma of the probability flow ODE (Karras et al. 2022, algorithm 1, line 4)."""
    return (x - denoised) / sigma


def ancestral_step(sigma: Tensor, sigma_next: Tensor, eta: float) -> tuple[Tensor, Tensor]:
    """Split a step into the level to denoise to and the deviation of the noise to add then.

    eta = 1 is the posterior of the forward process (Song et al. 2021, DDIM, equation 16), eta = 0 adds no noise.
    """
    if not eta:
        return sigma_next, torch.zeros_like(sigma_next)
    share = eta * (sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2) ** 0.5
    sigma_up = torch.fmin(sigma_next, share)  # the share of an infinite sigma is NaN
    return (sigma_next**2 - sigma_up**2) ** 0.5, sigma_up


def flow_ancestral_step(sigma: Tensor, sigma_next: Tensor, eta: float) -> tuple[Tensor, Tensor, Tensor]:
    """Split a step of a rectified flow, whose latent's share must shrink as noise is added.

    Returns:
        The level to denoise to, the factor on the latent there, and the deviation of the noise to add.
    """
    sigma_down = sigma_next * (1 + (sigma_next / sigma - 1) * eta)
    scale = (1 - sigma_next) / (1 - sigma_down)
    return sigma_down, scale, (sigma_next**2 - sigma_down**2 * scale**2) ** 0.5
