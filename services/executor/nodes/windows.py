"""The largest and smallest values within a moving window."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional


def window_maximum(values: Tensor, height: int, width: int) -> Tensor:
    """The maximum of each position's window (..., height, width); what lies outside does not count.

    The window reaches half its size to the left and up, and as far to the right and down less one if it is even. The
    work grows with the logarithm of the window: two overlapping windows make one of up to twice the size.
    """
    return _along(_along(values, width, -1), height, -2)


def window_minimum(values: Tensor, height: int, width: int) -> Tensor:
    """As `window_maximum`, the minimum."""
    return window_maximum(values.neg(), height, width).neg_()


def _along(values: Tensor, size: int, dimension: int) -> Tensor:
    length = values.shape[dimension]
    before, after = min(size // 2, length), min(size - size // 2 - 1, length)
    size = before + 1 + after
    padding = (before, after) if dimension == -1 else (0, 0, before, after)
    padded = functional.pad(values, padding, value=-math.inf)
    covered = 1
    while covered < size:
        step = min(covered, size - covered)
        rest = padded.shape[dimension] - step
        padded = padded.narrow(dimension, 0, rest).maximum(padded.narrow(dimension, step, rest))
        covered += step
    return padded
