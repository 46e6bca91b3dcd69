"""A Brownian path that can be asked for any increment, in any order, and is fixed by its seed.

The path is a dyadic tree of Brownian bridges (Gaines and Lyons 1997; Kidger et al. 2021, "Efficient and Accurate
Gradients for Neural SDEs"). Each node draws from a seed of its own, so that only what a query touches is
computed. Values equal those of torchsde's BrownianTree bit by bit.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from services.executor.diffusion.seed_sequence import SeedSequence

TIME_DIGITS = 6  # decimal places to which times are rounded: the depth of the tree ends there
KEPT_INCREMENTS = 64  # two for each level of one way down the tree


@dataclass(frozen=True)
class Interval:
    """A node of the tree, identified by its depth and its place among the nodes of that depth."""

    start: float
    end: float
    depth: int = 0
    place: int = 0
    parent: Interval | None = None

    def halves(self) -> tuple[Interval, Interval]:
        """Return the two children."""
        middle = round(0.5 * (self.end + self.start), TIME_DIGITS)
        return (
            Interval(self.start, middle, self.depth + 1, 2 * self.place, self),
            Interval(middle, self.end, self.depth + 1, 2 * self.place + 1, self),
        )

    def covering(self, start: float, end: float) -> Iterator[Interval]:
        """Yield the largest nodes that together make up start..end, in order."""
        if start == self.start and end == self.end:
            yield self
            return
        left, right = self.halves()
        if start < left.end:
            yield from left.covering(start, min(end, left.end))
        if end > right.start:
            yield from right.covering(max(start, right.start), end)


class BrownianPath:
    """A Brownian path over low..high.

    Args:
        low, high: the ends of the path; times outside are taken as the nearer end.
        shape: of each value.
        seed: of the path, not negative.
        device: where noise is drawn and increments are returned.
    """

    def __init__(
        self, low: float, high: float, shape: Sequence[int], seed: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self._shape, self._dtype, self._device = tuple(shape), dtype, device
        self._seeds = SeedSequence(seed)
        self._root = Interval(round(low, TIME_DIGITS), round(high, TIME_DIGITS))
        self._whole = self._randn(self._seeds.state(1)[0]) * math.sqrt(high - low)
        self._kept: OrderedDict[tuple[int, int], Tensor] = OrderedDict()

    def increment(self, start: float, end: float) -> Tensor:
        """Return the path's value at `end` less its value at `start`; start may be above end."""
        if start > end:
            return -self.increment(end, start)
        start, end = self._clamped(start), self._clamped(end)
        if start == end:
            return torch.zeros(self._shape, dtype=self._dtype, device=self._device)
        first, *others = self._root.covering(start, end)
        total = self._over(first)
        for interval in others:
            total = total + self._over(interval)
        return total

    def _clamped(self, time: float) -> float:
        return min(max(round(time, TIME_DIGITS), self._root.start), self._root.end)

    def _over(self, interval: Interval) -> Tensor:
        if interval.parent is None:
            return self._whole
        key = interval.depth, interval.place
        if key not in self._kept:
            self._bridge(interval.parent)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _bridge(self, interval: Interval) -> None:
        whole = self._over(interval)
        left, right = interval.halves()
        before, after = left.end - left.start, right.end - right.start
        reciprocal = 1 / (interval.end - interval.start)
        noise = self._randn(self._seeds.spawned(interval.place, interval.depth))
        left_part = (whole * before).mul_(reciprocal).add_(noise.mul_(math.sqrt(before * after * reciprocal)))
        self._kept[left.depth, left.place] = left_part
        self._kept[right.depth, right.place] = whole - left_part
        while len(self._kept) > KEPT_INCREMENTS:
            self._kept.popitem(last=False)

    def _randn(self, seed: int) -> Tensor:
        generator = torch.Generator(self._device).manual_seed(seed)
        return torch.randn(self._shape, dtype=self._dtype, device=self._device, generator=generator)
