"""UniPC: a unified predictor and corrector."""

from __future__ import annotations

import torch
from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report

HIGHEST_ORDER = 3
LAST_SIGMA = 0.001  # stands for a final level of zero, whose log is infinite


def sample_uni_pc(
    denoise: Denoise, x: Tensor, sigmas: Tensor, noise: SamplerNoise, report: Report, *, variant: str = "bh1"
) -> Tensor:
    """Predict, evaluate, correct with the same model call (Zhao et al. 2023, UniPC, algorithms 1 and 2).

    In the variance-exploding form, where the signal's factor is 1 at every level.

    Args:
        variant: "bh1" or "bh2", the paper's choices of B(h).
    """
    if variant not in ("bh1", "bh2"):
        raise ValueError(f"unknown variant {variant!r}, expected bh1 or bh2")
    ends_at_zero = bool(sigmas[-1] == 0)
    if ends_at_zero:
        sigmas = torch.cat([sigmas[:-1], sigmas.new_full((1,), LAST_SIGMA)])
    lambdas = sigmas.log().neg()
    steps = len(sigmas) - 1
    order = max(1, min(HIGHEST_ORDER, steps - 1))
    estimates = [denoise(x, sigmas[0])]  # newest first
    report(0, x, estimates[0])
    for step in range(1, steps + 1):
        used = min(order, step, steps + 1 - step)
        nodes = lambdas[step - used : step].flip(0)
        h = lambdas[step] - lambdas[step - 1]
        base = sigmas[step] / sigmas[step - 1] * x - (-h).expm1() * estimates[0]
        ratios = (nodes[1:] - nodes[0]) / h
        changes = [(estimate - estimates[0]) / ratio for estimate, ratio in zip(estimates[1:used], ratios, strict=True)]
        scale = -h if variant == "bh1" else (-h).expm1()
        conditions, values = _order_conditions(ratios, h, scale)
        weights = ratios.new_full((1,), 0.5) if used == 2 else _solved(conditions[:-1, :-1], values[:-1])
        x = base - scale * _weighed(weights, changes)
        if step == steps:
            continue
        estimate = denoise(x, sigmas[step])
        report(step, x, estimate)
        weights = values.new_full((1,), 0.5) if used == 1 else _solved(conditions, values)
        x = base - scale * _weighed(weights, [*changes, estimate - estimates[0]])
        estimates = [estimate, *estimates[: order - 1]]
    return denoise.model_sampling.prediction.finish(sigmas[-1], x) if ends_at_zero else x


def _order_conditions(ratios: Tensor, h: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Return the system whose solution weighs the changes (Zhao et al. 2023, theorem 3.1)."""
    nodes = torch.cat([ratios, ratios.new_ones(1)])
    values = []
    phi = (-h).expm1() / -h - 1
    factorial = 1
    for power in range(1, len(nodes) + 1):
        values.append(phi * factorial / scale)
        factorial *= power + 1
        phi = phi / -h - 1 / factorial
    return nodes ** torch.arange(len(nodes))[:, None], torch.stack(values)


def _solved(conditions: Tensor, values: Tensor) -> Tensor:
    return torch.linalg.solve(conditions, values) if len(values) else values


def _weighed(weights: Tensor, changes: list[Tensor]) -> Tensor | float:
    return sum((weight * change for weight, change in zip(weights, changes, strict=True)), start=0.0)
