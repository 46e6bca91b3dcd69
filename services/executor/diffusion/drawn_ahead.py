"""Noise that is drawn on the host while the device computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise

from torch import Tensor

Increment = Callable[[float, float], Tensor]
"""Returns what a path gains from one time to another."""


class DrawnAhead:
    """The increments of a path, which only its own thread asks for: the one after each before it is wanted.

    Queueing a step keeps the host busy while a small network runs on a large device; drawing a tree of noise between
    two steps would make the device wait.

    Args:
        increment: of the path.
        times: between which increments are expected, in this order; any others may be asked for as well.
    """

    def __init__(self, increment: Increment, times: Sequence[float]) -> None:
        self._increment = increment
        self._thread = ThreadPoolExecutor(1, "noise")  # ends when nobody refers to this any more
        self._following = dict(pairwise(times))
        self._drawn: dict[tuple[float, float], Future[Tensor]] = {}
        if times:
            self._draw_from(times[0])

    def __call__(self, start: float, end: float) -> Tensor:
        """Return the increment, and have the following one drawn."""
        drawn = self._drawn.pop((start, end), None) or self._thread.submit(self._increment, start, end)
        self._draw_from(end)
        return drawn.result()

    def _draw_from(self, start: float) -> None:
        end = self._following.get(start)
        if end is not None and (start, end) not in self._drawn:
            self._drawn[start, end] = self._thread.submit(self._increment, start, end)
