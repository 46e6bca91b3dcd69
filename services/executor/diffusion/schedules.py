"""Schedules: which noise levels a run visits, from the highest down to zero.

All return float32 tensors on the CPU, descending. Most have steps + 1 entries; `ddim_uniform` and `beta` may have more
or fewer, since they visit entries of the model's table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from services.executor.diffusion.beta_distribution import beta_quantile
from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.pauses import pause

KARRAS_RHO = 7.0
ZERO_TOLERANCE = 1e-5  # a model whose lowest level is this close to zero needs no zero appended
LINEAR_THRESHOLD = 0.025  # share of noise removed in the linear half of the linear-quadratic schedule
FULL_DENOISE = 0.9999
LONGEST = 1_000_000  # levels: what the most steps that nodes take make with the least share that they offer

Scheduler = Callable[[ModelSampling, int], Tensor]


def simple(model_sampling: ModelSampling, steps: int) -> Tensor:
    """Visit evenly spaced entries of the model's table, from its end."""
    table = model_sampling.sigmas
    stride = len(table) / steps
    return _then_zero([table[-(1 + int(step * stride))] for step in range(steps)])


def ddim_uniform(model_sampling: ModelSampling, steps: int) -> Tensor:
    """Visit every n-th entry of the table from its second (Song et al. 2021, DDIM)."""
    table = model_sampling.sigmas
    ends_at_zero = _is_zero(table[1])
    stride = max(len(table) // (steps + 1 if ends_at_zero else steps), 1)
    visited = table[1::stride].flip(0)
    return visited if ends_at_zero else _then_zero(visited)


def normal(model_sampling: ModelSampling, steps: int) -> Tensor:
    """Space the timesteps evenly, both ends included."""
    start, end = model_sampling.timestep(model_sampling.sigma_max), model_sampling.timestep(model_sampling.sigma_min)
    ends_at_zero = _is_zero(model_sampling.sigma(end))
    times = torch.linspace(float(start), float(end), steps + 1 if ends_at_zero else steps)
    visited = _sigmas_at(model_sampling, times)
    return visited if ends_at_zero else _then_zero(visited)


def sgm_uniform(model_sampling: ModelSampling, steps: int) -> Tensor:
    """Space the timesteps evenly and leave the last one out (as Stability's generative-models does)."""
    start, end = model_sampling.timestep(model_sampling.sigma_max), model_sampling.timestep(model_sampling.sigma_min)
    times = torch.linspace(float(start), float(end), steps + 1)[:-1]
    return _then_zero(_sigmas_at(model_sampling, times))


def beta(model_sampling: ModelSampling, steps: int, a: float = 0.6, b: float = 0.6) -> Tensor:
    """Visit the table at quantiles of a Beta distribution, dense at both ends (Lee et al. 2024)."""
    table = model_sampling.sigmas
    shares = [1.0 - step / steps for step in range(steps)]
    indices = [_beta_index(share, a, b, len(table)) for share in shares]
    distinct = [index for place, index in enumerate(indices) if place == 0 or index != indices[place - 1]]
    return _then_zero([table[index] for index in distinct])


def _beta_index(share: float, a: float, b: float, entries: int) -> int:
    pause()
    return round(beta_quantile(share, a, b) * (entries - 1))


def linear_quadratic(model_sampling: ModelSampling, steps: int) -> Tensor:
    """Descend linearly for the first half, then quadratically (Polyak et al. 2024, Movie Gen)."""
    if steps == 1:
        return _then_zero([model_sampling.sigma_max])
    linear_steps = steps // 2
    excess = linear_steps - LINEAR_THRESHOLD * steps
    quadratic = excess / (linear_steps * (steps - linear_steps) ** 2)
    linear = LINEAR_THRESHOLD / linear_steps - 2 * excess / (steps - linear_steps) ** 2
    offset = quadratic * linear_steps**2
    removed = [LINEAR_THRESHOLD * step / linear_steps for step in range(linear_steps)]
    removed += [quadratic * step**2 + linear * step + offset for step in range(linear_steps, steps)]
    return torch.tensor([1.0 - share for share in [*removed, 1.0]]) * model_sampling.sigma_max


def kl_optimal(model_sampling: ModelSampling, steps: int) -> Tensor:
    """Space arctan(sigma) evenly, optimal for a Gaussian (Sabour et al. 2024, Align Your Steps)."""
    shares = torch.arange(steps, dtype=torch.float32) / max(steps - 1, 1)
    low, high = model_sampling.sigma_min.atan(), model_sampling.sigma_max.atan()
    return _then_zero((shares * low + (1 - shares) * high).tan())


def karras(steps: int, sigma_min: float, sigma_max: float, rho: float = KARRAS_RHO) -> Tensor:
    """Space sigma ** (1 / rho) evenly (Karras et al. 2022, equation 5)."""
    ramp = torch.linspace(0, 1, steps)
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return _then_zero((high + ramp * (low - high)) ** rho)


def exponential(steps: int, sigma_min: float, sigma_max: float) -> Tensor:
    """Space log sigma evenly."""
    return _then_zero(torch.linspace(math.log(sigma_max), math.log(sigma_min), steps).exp())


def polyexponential(steps: int, sigma_min: float, sigma_max: float, rho: float = 1.0) -> Tensor:
    """Space log sigma along a power rho of the ramp."""
    ramp = torch.linspace(1, 0, steps) ** rho
    low, high = math.log(sigma_min), math.log(sigma_max)
    return _then_zero((ramp * (high - low) + low).exp())


def laplace(steps: int, sigma_min: float, sigma_max: float, mu: float = 0.0, scale: float = 0.5) -> Tensor:
    """Visit quantiles of a Laplace distribution of log sigma (Hang et al. 2024); no zero at the end."""
    shares = torch.linspace(0, 1, steps)
    log_sigmas = mu - scale * (0.5 - shares).sign() * (1 - 2 * (shares - 0.5).abs() + 1e-5).log()
    return log_sigmas.exp().clamp(min=sigma_min, max=sigma_max)


def variance_preserving(steps: int, beta_d: float = 19.9, beta_min: float = 0.1, epsilon: float = 1e-3) -> Tensor:
    """Visit the levels of a continuous variance-preserving process (Song et al. 2021, score SDE, appendix C)."""
    time = torch.linspace(1, epsilon, steps)
    return _then_zero((beta_d * time**2 / 2 + beta_min * time).expm1() ** 0.5)


def shifted_flow(steps: int, shift: float, terminal: float | None = None) -> Tensor:
    """Shift evenly spaced times towards noise by a factor exp(shift) of their odds (Esser et al. 2024, equation 23).

    Args:
        terminal: what the last level above zero is to be, the others following in proportion to their distance from 1
            (HaCohen et al. 2024, LTX-Video).
    """
    times = torch.linspace(1.0, 0.0, steps + 1, dtype=torch.float64)[:-1]
    levels = 1 / (1 + math.exp(-shift) * (1 / times - 1))
    if terminal is not None and levels[-1] < 1:
        levels = 1 - (1 - levels) * (1 - terminal) / (1 - levels[-1])
    return _then_zero(levels)


SCHEDULERS: Mapping[str, Scheduler] = {
    "simple": simple,
    "sgm_uniform": sgm_uniform,
    "karras": lambda model_sampling, steps: karras(steps, *_range(model_sampling)),
    "exponential": lambda model_sampling, steps: exponential(steps, *_range(model_sampling)),
    "ddim_uniform": ddim_uniform,
    "beta": beta,
    "normal": normal,
    "linear_quadratic": linear_quadratic,
    "kl_optimal": kl_optimal,
}


def sigmas_for(
    model_sampling: ModelSampling,
    scheduler: str,
    steps: int,
    *,
    denoise: float = 1.0,
    discard_penultimate: bool = False,
) -> Tensor:
    """Return the noise levels of a run.

    Args:
        scheduler: a name in `SCHEDULERS`.
        steps: at least 1.
        denoise: the share of noise to begin with; below 1 the tail of a proportionally longer schedule, at 0 nothing.
        discard_penultimate: leave out the last level above zero, for samplers that evaluate below it.

    Raises:
        ValueError: the scheduler is not known, or so little denoising makes a schedule that is too long.
    """
    if scheduler not in SCHEDULERS:
        raise ValueError(f"unknown scheduler {scheduler!r}, expected one of {', '.join(SCHEDULERS)}")
    if denoise <= 0.0:
        return torch.empty(0)
    if denoise > FULL_DENOISE:
        return _scheduled(model_sampling, scheduler, steps, discard_penultimate)
    whole = steps / denoise
    if not whole <= LONGEST:
        raise ValueError(f"denoise: {steps} steps at {denoise} are the end of {whole:.3g}, more than {LONGEST:,}")
    return _scheduled(model_sampling, scheduler, int(whole), discard_penultimate)[-(steps + 1) :]


def _scheduled(model_sampling: ModelSampling, scheduler: str, steps: int, discard_penultimate: bool) -> Tensor:
    if not discard_penultimate:
        return SCHEDULERS[scheduler](model_sampling, steps)
    sigmas = SCHEDULERS[scheduler](model_sampling, steps + 1)
    return torch.cat([sigmas[:-2], sigmas[-1:]])


def _range(model_sampling: ModelSampling) -> tuple[float, float]:
    return model_sampling.sigma_min.item(), model_sampling.sigma_max.item()


def _sigmas_at(model_sampling: ModelSampling, times: Tensor) -> Tensor:
    return torch.stack([_sigma_at(model_sampling, time) for time in times])


def _sigma_at(model_sampling: ModelSampling, time: Tensor) -> Tensor:
    pause()
    return model_sampling.sigma(time)


def _is_zero(sigma: Tensor) -> bool:
    return math.isclose(float(sigma), 0.0, abs_tol=ZERO_TOLERANCE)


def _then_zero(sigmas: Tensor | list[Tensor]) -> Tensor:
    levels = torch.tensor([float(sigma) for sigma in sigmas])
    return torch.cat([levels, levels.new_zeros(1)])
