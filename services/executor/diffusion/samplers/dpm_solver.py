"""DPM-Solver of orders one to three, with fixed steps and with steps that adapt to the error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.steps import ancestral_step, derivative

END_TOLERANCE = 1e-5  # in log sigma
INFINITE_ERROR_GUARD = 1e-8


class Slopes:
    """The noise estimates made within one step, so that solvers of different order share them.

    Time is t = -log(sigma) throughout (Lu et al. 2022, DPM-Solver).
    """

    def __init__(self, denoise: Denoise, x: Tensor, t: Tensor) -> None:
        self._denoise = denoise
        self.x, self.t = x, t
        sigma = t.neg().exp()
        self.denoised = denoise(x, sigma)
        self.epsilon = derivative(x, sigma, self.denoised)
        self._inside: dict[float, Tensor] = {}

    def first(self, t_next: Tensor) -> Tensor:
        """Take a step of order one (Lu et al. 2022, DPM-Solver-1)."""
        return self.x - t_next.neg().exp() * (t_next - self.t).expm1() * self.epsilon

    def second(self, t_next: Tensor, r: float = 1 / 2) -> Tensor:
        """Take a step of order two (Lu et al. 2022, DPM-Solver-2)."""
        change = self._inner(t_next, r) - self.epsilon
        scale = t_next.neg().exp() * (t_next - self.t).expm1()
        return self.x - scale * self.epsilon - scale / (2 * r) * change

    def third(self, t_next: Tensor, r1: float = 1 / 3, r2: float = 2 / 3) -> Tensor:
        """Take a step of order three (Lu et al. 2022, DPM-Solver-3)."""
        h, sigma_next = t_next - self.t, t_next.neg().exp()
        if r2 not in self._inside:
            s2 = self.t + r2 * h
            change = self._inner(t_next, r1) - self.epsilon
            growth = (r2 * h).expm1()
            x2 = self.first(s2) - s2.neg().exp() * (r2 / r1) * (growth / (r2 * h) - 1) * change
            self._inside[r2] = self._estimate(x2, s2)
        change = self._inside[r2] - self.epsilon
        return self.first(t_next) - sigma_next / r2 * (h.expm1() / h - 1) * change

    def of_order(self, order: int, t_next: Tensor) -> Tensor:
        """Take a step of an order from one to three."""
        return {1: self.first, 2: self.second, 3: self.third}[order](t_next)

    def _inner(self, t_next: Tensor, r: float) -> Tensor:
        if r not in self._inside:
            s = self.t + r * (t_next - self.t)
            self._inside[r] = self._estimate(self.first(s), s)
        return self._inside[r]

    def _estimate(self, x: Tensor, t: Tensor) -> Tensor:
        sigma = t.neg().exp()
        return derivative(x, sigma, self._denoise(x, sigma))


def sample_dpm_fast(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Tensor:
    """Spend one model call per scheduled step on steps even in log sigma (Lu et al. 2022, DPM-Solver-fast).

    Most steps are of order three. Of the schedule only both ends and its length matter.
    """
    t_start, t_end = _time_range(sigmas)
    orders = _fast_orders(len(sigmas) - 1)
    for step, (t, t_next) in enumerate(pairwise(torch.linspace(float(t_start), float(t_end), len(orders) + 1))):
        slopes = Slopes(denoise, x, t)
        report(step, x, slopes.denoised)
        t_down, sigma_up = _ancestral_time(t, t_next, t_end, eta)
        x = slopes.of_order(orders[step], t_down)
        if eta:
            x = x + noise.normal(x) * s_noise * sigma_up
    return x


def sample_dpm_adaptive(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    order: int = 3,
    rtol: float = 0.05,
    atol: float = 0.0078,
    h_init: float = 0.05,
    pcoeff: float = 0.0,
    icoeff: float = 1.0,
    dcoeff: float = 0.0,
    accept_safety: float = 0.81,
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Tensor:
    """Choose steps by the difference between solvers of two orders (Lu et al. 2022, DPM-Solver-12 and -23).

    Of the schedule only both ends matter. Each step waits for its error, which decides the next one.

    Args:
        order: of the better solver, 2 or 3.
        pcoeff, icoeff, dcoeff, accept_safety: of the step size controller.
    """
    if order not in (2, 3):
        raise ValueError(f"dpm_adaptive has solvers of order 2 and 3, not {order}")
    t, t_end = _time_range(sigmas)
    controller = StepSize(h_init, pcoeff, icoeff, dcoeff, 1.5 if eta else float(order), accept_safety)
    x_low_before = x
    step = 0
    while t < t_end - END_TOLERANCE:
        t_next = torch.minimum(t_end, t + controller.h)
        t_down, sigma_up = _ancestral_time(t, t_next, t_end, eta)
        slopes = Slopes(denoise, x, t)
        report(step, x, slopes.denoised)
        low = slopes.first(t_down) if order == 2 else slopes.second(t_down, r=1 / 3)
        high = slopes.of_order(order, t_down)
        allowed = torch.maximum(low.abs(), x_low_before.abs()).mul(rtol).clamp(min=atol)
        error = torch.linalg.vector_norm((low - high) / allowed).item() / x.numel() ** 0.5
        if controller.accepts(error):
            x_low_before, t = low, t_next
            x = high + noise.normal(high) * s_noise * sigma_up if eta else high
        step += 1
    return x


@dataclass
class StepSize:
    """A PID controller of the step size (Soederlind 2003; k-diffusion)."""

    h: float
    pcoeff: float
    icoeff: float
    dcoeff: float
    order: float
    accept_safety: float
    _inverse_errors: list[float] = field(default_factory=list)

    def accepts(self, error: float) -> bool:
        """Take the error of a step, adapt the size and say whether the step is good enough to keep."""
        inverse = 1 / (error + INFINITE_ERROR_GUARD)
        self._inverse_errors = [inverse, *(self._inverse_errors[1:] or [inverse, inverse])]
        powers = self.pcoeff + self.icoeff + self.dcoeff, -(self.pcoeff + 2 * self.dcoeff), self.dcoeff
        factor = math.prod(
            error_before ** (power / self.order)
            for error_before, power in zip(self._inverse_errors, powers, strict=True)
        )
        factor = 1 + math.atan(factor - 1)
        self.h *= factor
        accepted = factor >= self.accept_safety
        if accepted:
            self._inverse_errors = [inverse, inverse, self._inverse_errors[1]]
        return accepted


def _time_range(sigmas: Tensor) -> tuple[Tensor, Tensor]:
    last = sigmas[-1] if sigmas[-1] > 0 else sigmas[-2]
    return sigmas[0].log().neg(), last.log().neg()


def _fast_orders(calls: int) -> Sequence[int]:
    if calls % 3 == 0:
        return [3] * (calls // 3 - 1) + [2, 1]
    return [3] * (calls // 3) + [calls % 3]


def _ancestral_time(t: Tensor, t_next: Tensor, t_end: Tensor, eta: float) -> tuple[Tensor, Tensor]:
    if not eta:
        return t_next, torch.zeros_like(t_next)
    sigma_next = t_next.neg().exp()
    sigma_down, _ = ancestral_step(t.neg().exp(), sigma_next, eta)
    t_down = torch.minimum(t_end, sigma_down.log().neg())
    return t_down, (sigma_next**2 - t_down.neg().exp() ** 2) ** 0.5
