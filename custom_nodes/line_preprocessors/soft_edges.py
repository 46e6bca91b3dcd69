"""Soft lines along outlines.

Gradients of colours at several scales (Di Zenzo 1986, "A note on the gradient of a multi-image"; Lindeberg 1998, "Edge
detection and ridge detection with automatic scale selection"). What is an edge at one scale alone is texture or noise;
what is surrounded by as steep places is texture, too.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .filters import blurred, slopes, surroundings

#: Deviations of the Gaussians, and the widths of what follows, are in pixels of a picture with this shorter side.
USUAL_SIDE = 512
SCALES = (1.0, 2.0, 4.0)
#: Deviation of the surroundings that an edge has to stand out from.
SURROUNDINGS = 16.0
#: Contrast below which nothing is an edge, and where one is as clear as can be.
FAINTEST, CLEAREST = 0.02, 0.14
#: How much of the steepness around is taken for texture.
TEXTURE_SHARE = 0.8
#: Of the lines, their deviation.
LINE_WIDTH = 1.6


def soft_edges(images: Tensor) -> Tensor:
    """Lines (batch, 1, height, width) in 0..1 of pictures (batch, 3, height, width)."""
    unit = min(images.shape[-2:]) / USUAL_SIDE
    down, right = _gradient(images, unit)
    steepness = torch.hypot(down, right)
    clearness = _clearness(steepness, unit)
    ridges = clearness * is_ridge(steepness, down, right)
    lines = blurred(ridges, max(0.6, LINE_WIDTH * unit))
    return (lines * max(1.5, LINE_WIDTH * unit * 2.5066)).clamp(0, 1)


def _gradient(images: Tensor, unit: float) -> tuple[Tensor, Tensor]:
    """The steepest direction of the colours, as steep as the geometric mean over the scales says."""
    structure = [_structure(images, scale, unit) for scale in SCALES]
    steepness = torch.stack([_steepness(*each) for each in structure]).clamp(min=1e-6).log().mean(0).exp()
    across = sum(each[0] - each[2] for each in structure)
    along = sum(each[1] for each in structure)
    angle = torch.atan2(2 * along, across) / 2
    return steepness * angle.sin(), steepness * angle.cos()


def _structure(images: Tensor, scale: float, unit: float) -> tuple[Tensor, Tensor, Tensor]:
    """The structure tensor (right * right, right * down, down * down) of a scale, of contrasts rather than slopes."""
    down, right = slopes(blurred(images, max(0.5, scale * unit)))
    factor = (max(0.5, scale * unit) * 2.5066) ** 2
    products = (right * right, right * down, down * down)
    xx, xy, yy = (product.sum(1, keepdim=True) * factor / images.shape[1] for product in products)
    return xx, xy, yy


def _steepness(xx: Tensor, xy: Tensor, yy: Tensor) -> Tensor:
    """The root of the larger eigenvalue."""
    return ((xx + yy + torch.hypot(xx - yy, 2 * xy)) / 2).sqrt()


def _clearness(steepness: Tensor, unit: float) -> Tensor:
    around = surroundings(steepness, SURROUNDINGS * unit)
    beyond = ((steepness - TEXTURE_SHARE * around - FAINTEST) / (CLEAREST - FAINTEST)).clamp(0, 1)
    return beyond * beyond * (3 - 2 * beyond)


def is_ridge(steepness: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Whether it is steeper than one pixel ahead and one behind, found between the pixels (Canny 1986)."""
    height, width = steepness.shape[-2:]
    length = torch.hypot(down, right).clamp(min=1e-9)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")

    def at(sign: int) -> Tensor:
        places = torch.stack((columns + sign * right[:, 0] / length[:, 0], rows + sign * down[:, 0] / length[:, 0]), -1)
        sides = torch.tensor([width, height])
        return functional.grid_sample(
            steepness, (2 * places + 1) / sides - 1, padding_mode="border", align_corners=False
        )

    return ((steepness >= at(1)) & (steepness > at(-1))).to(steepness)
