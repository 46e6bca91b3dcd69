"""SA-Solver: stochastic Adams predictor and corrector."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.diffusion.samplers.snr import alpha_at, half_log_snr, with_finite_snr


def sample_sa_solver(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    eta: float = 1.0,
    sde_start_percent: float = 0.2,
    sde_end_percent: float = 0.8,
    sde_between: tuple[float, float] | None = None,
    s_noise: float = 1.0,
    predictor_order: int = 3,
    corrector_order: int = 4,
    use_pece: bool = False,
    simple_order_2: bool = False,
) -> Tensor:
    """Predict, evaluate, correct (Xue et al. 2023, SA-Solver, algorithm 1).

    A schedule that ends above zero returns the corrected latent of its last evaluation, as ComfyUI does.

    Args:
        eta, sde_start_percent, sde_end_percent: the amount of noise, and the part of sampling in which it is added.
        sde_between: the highest and the lowest level of that part, where another model than this one says them.
        predictor_order, corrector_order: how many estimates each interpolates.
        use_pece: evaluate the corrected latent once more.
        simple_order_2: use the closed form of the second-order weights.
    """
    model_sampling = denoise.model_sampling
    sigmas = with_finite_snr(model_sampling, sigmas)
    adams = _Adams(model_sampling, sigmas, simple_order_2)
    sde_range = sde_between or (
        model_sampling.percent_to_sigma(sde_start_percent),
        model_sampling.percent_to_sigma(sde_end_percent),
    )
    steps = len(sigmas) - 1
    ends_at_zero = bool(sigmas[-1] == 0)
    predicted, tau, added = x, 0.0, None
    estimates: list[Tensor] = []  # newest first
    for step in range(steps):
        sigma, sigma_next = sigmas[step], sigmas[step + 1]
        denoised = denoise(predicted, sigma)
        report(step, predicted, denoised)
        estimates = [denoised, *estimates[: max(predictor_order, corrector_order) - 1]]
        correcting = 0 if step == 0 or (sigma_next == 0 and not use_pece) else min(corrector_order, len(estimates))
        predicting = min(predictor_order, len(estimates))
        if ends_at_zero:  # lower orders towards the end are stable
            correcting, predicting = min(correcting, steps - step), min(predicting, steps - 1 - step)
        if correcting == 0:
            x = predicted
        else:
            x = adams.step(x, estimates[:correcting], step - 1, newest=step, tau=tau)
            x = x if added is None else x + added
            if use_pece:
                denoised = estimates[0] = denoise(x, sigma)
        if sigma_next == 0:
            x = denoised
            continue
        tau = eta if sde_range[0] >= sigma_next >= sde_range[1] else 0.0
        predicted = adams.step(x, estimates[:predicting], step, newest=step, tau=tau)
        added = None
        if tau > 0 and s_noise > 0:
            h = adams.lambdas[step + 1] - adams.lambdas[step]
            added = noise.normal(x) * sigma_next * (-2 * tau**2 * h).expm1().neg().sqrt() * s_noise
            predicted = predicted + added
    return x


@dataclass
class _Adams:
    model_sampling: ModelSampling
    sigmas: Tensor
    simple_order_2: bool

    def __post_init__(self) -> None:
        self.lambdas = half_log_snr(self.model_sampling, self.sigmas)

    def step(self, x: Tensor, estimates: list[Tensor], step: int, *, newest: int, tau: float) -> Tensor:
        """Step from level `step` to the next by estimates made at `newest` and the levels before it."""
        sigma, sigma_next = self.sigmas[step], self.sigmas[step + 1]
        start, end = self.lambdas[step].double(), self.lambdas[step + 1].double()
        nodes = self.lambdas[newest + 1 - len(estimates) : newest + 1].flip(0).double()
        rate = 1 + tau**2
        if self.simple_order_2 and len(estimates) == 2:
            weights = _simple_weights(nodes, start, end, rate, is_corrector=newest > step)
        else:
            weights = _weights(nodes, start, end, rate)
        alpha = alpha_at(self.model_sampling, sigma_next)
        x = sigma_next / sigma * (-(tau**2) * (end - start)).exp().float() * x
        for weight, estimate in zip(weights, estimates, strict=True):
            x = x + alpha * weight.float() * estimate
        return x


def _weights(nodes: Tensor, start: Tensor, end: Tensor, rate: float) -> Tensor:
    """Integrate the basis polynomials against rate * exp(rate * (lambda - end)) (Xue et al. 2023)."""
    powers = torch.arange(len(nodes))
    moments = _exponential_moments(start - end, rate, len(nodes))
    weights: Tensor = torch.linalg.solve((nodes - end) ** powers[:, None], moments)
    return weights


def _exponential_moments(start: Tensor, rate: float, count: int) -> Tensor:
    """Return the integrals of lambda**k * rate * exp(rate * lambda) from start to 0, by parts."""
    decayed = (rate * start).exp()
    moments = [1 - decayed]
    for power in range(1, count):
        moments.append(-(start**power) * decayed - power / rate * moments[-1])
    return torch.stack(moments)


def _simple_weights(nodes: Tensor, start: Tensor, end: Tensor, rate: float, *, is_corrector: bool) -> Tensor:
    h = end - start
    total = (-h * rate).expm1().neg()
    if is_corrector:
        newest = 0.5 * rate * h
        return torch.stack([newest, total - newest])
    oldest = 0.5 * rate * h**2 / (nodes[1] - start)
    return torch.stack([total - oldest, oldest])
