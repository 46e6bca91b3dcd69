"""Filters that are a product of weights along rows and along columns."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

#: Beyond so many deviations a Gaussian is nothing.
REACH = 3.0
#: A Gaussian of this deviation in pixels loses little when its result is interpolated.
FINE = 4.0


def blurred(images: Tensor, deviation: float) -> Tensor:
    """Pictures (batch, channels, height, width) under a Gaussian; beyond their edges their last pixels go on."""
    reach = max(1, math.ceil(deviation * REACH))
    weights = torch.exp(-torch.arange(-reach, reach + 1).square() / (2 * deviation**2)).to(images)
    weights = weights / weights.sum()
    flat = images.flatten(0, 1).unsqueeze(1)
    flat = functional.conv2d(functional.pad(flat, (0, 0, reach, reach), "replicate"), weights.view(1, 1, -1, 1))
    flat = functional.conv2d(functional.pad(flat, (reach, reach, 0, 0), "replicate"), weights.view(1, 1, 1, -1))
    return flat.squeeze(1).unflatten(0, images.shape[:2])


def surroundings(images: Tensor, deviation: float) -> Tensor:
    """Much the same for a wide Gaussian, computed of fewer pixels."""
    factor = max(1, int(deviation / FINE))
    if factor == 1:
        return blurred(images, deviation)
    small = functional.avg_pool2d(images, factor, ceil_mode=True, count_include_pad=False)
    return functional.interpolate(blurred(small, deviation / factor), size=images.shape[-2:], mode="bilinear")


def slopes(images: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences of pictures along columns and along rows."""
    padded = functional.pad(images, (1, 1, 1, 1), "replicate")
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    right = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    return down, right
