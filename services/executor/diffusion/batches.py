"""Batches brought to the size of another."""

from __future__ import annotations

import math

from torch import Tensor


def repeated(tensor: Tensor, size: int) -> Tensor:
    """Bring the first dimension to `size` by repeating the items in order, or leaving the last ones out."""
    if len(tensor) == size:
        return tensor
    return tensor.repeat(math.ceil(size / len(tensor)), *([1] * (tensor.dim() - 1)))[:size]
