"""Guidance: how predictions under several conditions become the one that is followed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from services.executor.diffusion.batches import repeated
from services.executor.diffusion.conditioning import Condition
from services.executor.diffusion.fallbacks import applying

NO_WEIGHT = 1e-37  # where no condition applies the prediction is zero, not a division by zero


@dataclass(frozen=True, eq=False)
class Batch:
    """Conditions that share one run of the network, each over all latents.

    Attributes:
        x: (conditions * latents, channels, height, width).
        sigma: 0-dim, CPU.
        context: (conditions * latents, tokens, width).
        vector: (conditions * latents, features), if the family has one.
        sides: for each condition the place of the list that it came from.
        conditions: these.
    """

    x: Tensor
    sigma: Tensor
    context: Tensor
    vector: Tensor | None
    sides: tuple[int, ...]
    conditions: tuple[Condition, ...]

    def parts(self) -> list[Batch]:
        """One batch for each condition."""
        count = len(self.conditions)
        vectors = [None] * count if self.vector is None else self.vector.chunk(count)
        split = zip(self.x.chunk(count), self.context.chunk(count), vectors, self.sides, self.conditions, strict=True)
        return [
            Batch(x, self.sigma, context, vector, (side,), (condition,))
            for x, context, vector, side, condition in split
        ]


RunBatch = Callable[[Batch], Tensor]
"""Returns the clean latents of a batch, of its x's shape."""


def predictions(
    run: RunBatch, x: Tensor, sigma: Tensor, sides: Sequence[Sequence[Condition]], most: int | None = None
) -> list[Tensor]:
    """Return one prediction for each list of conditions, their averages by weight where they overlap.

    Conditions that fit together run as one batch, the last ones first, `most` of them at once.
    """
    level = float(sigma)
    active = [applying(side, level, x) for side in sides]
    pending = [(place, condition) for place, side in enumerate(active) for condition in side]
    totals = [_Average(x, side) for side in active]
    while pending:
        first = pending[0][1]
        fitting = [entry for entry in pending if entry[1].fits(first)]
        batch = fitting[::-1][:most]
        pending = [entry for entry in pending if not entry[1].fits(first)] + fitting[: -len(batch)]
        outputs = run(_batch(x, sigma, batch)).chunk(len(batch))
        for (place, condition), output in zip(batch, outputs, strict=True):
            totals[place].add(condition, output)
    return [total.result() for total in totals]


class _Average:
    def __init__(self, x: Tensor, conditions: Sequence[Condition]) -> None:
        self._is_single = len(conditions) == 1 and conditions[0].is_whole
        self._total = x if self._is_single else torch.zeros_like(x)
        self._count = x if self._is_single else torch.full_like(x, NO_WEIGHT)

    def add(self, condition: Condition, output: Tensor) -> None:
        if self._is_single:
            self._total = output
            return
        weight = condition.weight
        if isinstance(weight, Tensor):
            weight = repeated(weight, len(output))
        _within(condition, self._total).add_(output * weight)
        _within(condition, self._count).add_(weight)

    def result(self) -> Tensor:
        return self._total if self._is_single else self._total / self._count


def _batch(x: Tensor, sigma: Tensor, entries: Sequence[tuple[int, Condition]]) -> Batch:
    conditions = [condition for _, condition in entries]
    size = len(x)
    tokens = math.lcm(*(condition.context.shape[1] for condition in conditions))
    contexts = [
        repeated(condition.context, size).repeat(1, tokens // condition.context.shape[1], 1) for condition in conditions
    ]
    vectors = [repeated(condition.vector, size) for condition in conditions if condition.vector is not None]
    return Batch(
        x=torch.cat([_within(condition, x) for condition in conditions]),
        sigma=sigma,
        context=torch.cat(contexts),
        vector=torch.cat(vectors) if vectors else None,
        sides=tuple(place for place, _ in entries),
        conditions=tuple(conditions),
    )


def _within(condition: Condition, x: Tensor) -> Tensor:
    return x if condition.region is None else condition.region.of(x)
