"""Weights that need not be kept in a file: waves, a different one for each name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

#: Of what is one-dimensional: biases, scales of norms, slopes.
OFFSET, AMPLITUDE = 0.1, 0.2


def waves(shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Weights of these shapes, the same whenever the names are the same."""
    return {name: _wave(number, shapes[name]) for number, name in enumerate(sorted(shapes))}


def picture(channels: int, height: int, width: int) -> Tensor:
    """(1, channels, height, width) in 0..1, without a pattern that would repeat."""
    values = torch.arange(channels * height * width, dtype=torch.float64) ** 1.5
    return ((values.sin() + 1) / 2).float().view(1, channels, height, width)


def _wave(number: int, shape: Sequence[int]) -> Tensor:
    places = torch.arange(math.prod(shape), dtype=torch.float64)
    wave = (places * (1.1 + 0.37 * number) + number).sin()
    scaled = wave / math.sqrt(math.prod(shape[1:])) if len(shape) > 1 else OFFSET + AMPLITUDE * wave
    return scaled.float().view(*shape)
