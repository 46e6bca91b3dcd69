"""`comfy.k_diffusion.sampling`: noise levels, the arithmetic of steps, and our samplers as functions of k-diffusion."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion import schedules
from services.executor.diffusion.brownian import BrownianPath
from services.executor.diffusion.samplers import SAMPLERS, Sampler, snr, steps
from services.executor.patching.k_samplers import KFunction, as_k_function
from services.executor.patching.model_sampling import as_samplers_know_it


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


def get_ancestral_step(sigma_from: Any, sigma_to: Any, eta: float = 1.0) -> tuple[Any, Any]:
    """The level to denoise to, and the deviation of the noise to add then."""
    return steps.ancestral_step(torch.as_tensor(sigma_from), torch.as_tensor(sigma_to), eta)


def sigma_to_half_log_snr(sigma: Tensor, model_sampling: Any) -> Tensor:
    """The half log signal-to-noise ratio of a noise level."""
    return snr.half_log_snr(as_samplers_know_it(model_sampling), sigma)


def half_log_snr_to_sigma(half_log_snr: Tensor, model_sampling: Any) -> Tensor:
    """The noise level of a half log signal-to-noise ratio."""
    return snr.sigma_at(as_samplers_know_it(model_sampling), half_log_snr)


def offset_first_sigma_for_snr(sigmas: Tensor, model_sampling: Any) -> Tensor:
    """The levels with the first moved off a flow's pure noise, whose ratio is not finite."""
    return snr.with_finite_snr(as_samplers_know_it(model_sampling), sigmas)


def default_noise_sampler(x: Tensor, seed: int | None = None) -> Callable[[Tensor, Tensor], Tensor]:
    """A function of two levels that draws unit normal noise; from torch's own generator when there is no seed."""
    generator = None if seed is None else torch.Generator().manual_seed(seed)

    def draw(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        if generator is None:
            return torch.randn_like(x)
        return torch.randn(x.shape, dtype=x.dtype, generator=generator).to(x.device)

    return draw


class BrownianTreeNoiseSampler:
    """Noise from one Brownian path, the same however many steps there are.

    Args:
        x: what noise is for.
        sigma_min, sigma_max: the ends of the path.
        seed: of the path; at random when there is none.
        transform: applied to the levels before.
        cpu: whether noise is drawn on the CPU.
    """

    def __init__(
        self,
        x: Tensor,
        sigma_min: Tensor,
        sigma_max: Tensor,
        seed: int | None = None,
        transform: Callable[[Tensor], Tensor] = lambda sigma: sigma,
        cpu: bool = False,
    ) -> None:
        self.transform = transform
        self._like = x
        ends = sorted(float(transform(torch.as_tensor(sigma))) for sigma in (sigma_min, sigma_max))
        seed = int(torch.randint(0, 2**63 - 1, ())) if seed is None else seed
        self._path = BrownianPath(ends[0], ends[1], x.shape, seed, x.dtype, torch.device("cpu") if cpu else x.device)

    def __call__(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        """Unit normal noise for the step between two levels."""
        start, end = (float(self.transform(torch.as_tensor(level))) for level in (sigma, sigma_next))
        noise = self._path.increment(start, end) / math.sqrt(abs(end - start))
        return noise.to(self._like.device)


def _function(sampler: Sampler) -> KFunction:
    function = as_k_function(sampler.function)
    return partial(function, **sampler.options) if sampler.options else function


globals().update({f"sample_{name}": _function(sampler) for name, sampler in SAMPLERS.items()})
