"""`comfy.k_diffusion.sampling`: noise levels; its sampler functions take models of another make and are not offered."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion import schedules


def append_zero(x: Tensor) -> Tensor:
    """The levels with a zero at the end."""
    return torch.cat([x, x.new_zeros(1)])


def append_dims(x: Tensor, target_dims: int) -> Tensor:
    """The tensor with as many dimensions, the new ones at the end.

    Raises:
        ValueError: it has more already.
    """
    missing = target_dims - x.ndim
    if missing < 0:
        raise ValueError(f"a tensor of {x.ndim} dimensions cannot be given {target_dims}")
    return x.reshape(*x.shape, *[1] * missing)


def to_d(x: Tensor, sigma: Tensor, denoised: Tensor) -> Tensor:
    """The derivative of a latent by the noise level (Karras et al. 2022)."""
    return (x - denoised) / append_dims(sigma, x.ndim)


def get_sigmas_karras(n: int, sigma_min: float, sigma_max: float, rho: float = 7.0, device: Any = "cpu") -> Tensor:
    """`n` levels and zero, evenly spaced in sigma ** (1 / rho)."""
    return schedules.karras(n, sigma_min, sigma_max, rho).to(device)


def get_sigmas_exponential(n: int, sigma_min: float, sigma_max: float, device: Any = "cpu") -> Tensor:
    """`n` levels and zero, evenly spaced in log sigma."""
    return schedules.exponential(n, sigma_min, sigma_max).to(device)


def get_sigmas_polyexponential(
    n: int, sigma_min: float, sigma_max: float, rho: float = 1.0, device: Any = "cpu"
) -> Tensor:
    """`n` levels and zero, log sigma along a power of the ramp."""
    return schedules.polyexponential(n, sigma_min, sigma_max, rho).to(device)


def get_sigmas_vp(
    n: int, beta_d: float = 19.9, beta_min: float = 0.1, eps_s: float = 1e-3, device: Any = "cpu"
) -> Tensor:
    """`n` levels and zero of a variance-preserving process."""
    return schedules.variance_preserving(n, beta_d, beta_min, eps_s).to(device)


def get_sigmas_laplace(
    n: int, sigma_min: float, sigma_max: float, mu: float = 0.0, beta: float = 0.5, device: Any = "cpu"
) -> Tensor:
    """`n` levels at quantiles of a Laplace distribution of log sigma."""
    return schedules.laplace(n, sigma_min, sigma_max, mu, beta).to(device)
