"""Conditions that apply only where no other does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from services.executor.diffusion.batches import repeated
from services.executor.diffusion.conditioning import Condition


def applying(conditions: Sequence[Condition], sigma: float, latent: Tensor) -> list[Condition]:
    """Return the conditions that apply at a noise level to a latent (batch, channels, height, width).

    A fallback's weight is what those of the others leave of 1, cell by cell; it is left out beside one that is whole.
    """
    active = [condition for condition in conditions if condition.applies_at(sigma)]
    fallbacks = [condition for condition in active if condition.is_fallback]
    others = [condition for condition in active if not condition.is_fallback]
    if not fallbacks or not others:
        return active
    if any(_leaves_nothing(condition) for condition in others):
        return others
    left = _left_by(others, latent)
    return others + [_within(left, fallback) for fallback in fallbacks]


def _leaves_nothing(condition: Condition) -> bool:
    return condition.is_whole and not isinstance(condition.weight, Tensor) and condition.weight >= 1


def _left_by(conditions: Sequence[Condition], latent: Tensor) -> Tensor:
    left = torch.ones(len(latent), 1, *latent.shape[-2:], device=latent.device)
    for condition in conditions:
        part = left if condition.region is None else condition.region.of(left)
        weight = condition.weight
        part -= repeated(weight, len(latent)) if isinstance(weight, Tensor) else weight
    return left.clamp_(min=0)


def _within(left: Tensor, fallback: Condition) -> Condition:
    own = fallback.weight
    weight = repeated(own, len(left)) if isinstance(own, Tensor) else own
    return replace(fallback, weight=(left if fallback.region is None else fallback.region.of(left)) * weight)
