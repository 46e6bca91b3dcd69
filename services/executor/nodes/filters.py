"""Filters of pictures (batch, channels, height, width) whose edges are mirrored."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def bell(positions: Tensor, sigma: float) -> Tensor:
    """Weights of a Gaussian at these positions; their sum is 1."""
    weights = torch.exp(-positions.square() / (2 * sigma * sigma))
    return weights / weights.sum()


def smoothed(images: Tensor, weights: Tensor) -> Tensor:
    """Replace each pixel by the weighted mean of its neighbours, first along rows, then along columns.

    As a Gaussian of two dimensions is the product of two of one, this is the filter with their product. The number of
    weights is odd. Beyond an edge pixels come back in mirrored order, the edge's own not repeated; as often as it
    takes where a picture is smaller than the filter.
    """
    count, channels, height, width = images.shape
    reach = len(weights) // 2
    weights = weights.to(images)
    rows = images.reshape(count * channels, 1, height, width)[..., _mirrored(width, reach, images.device)]
    rows = functional.conv2d(rows, weights.reshape(1, 1, 1, -1))
    columns = rows[:, :, _mirrored(height, reach, images.device)]
    return functional.conv2d(columns, weights.reshape(1, 1, -1, 1)).reshape(images.shape)


def _mirrored(length: int, reach: int, device: torch.device) -> Tensor:
    """For positions from `reach` before the start to as far beyond the end, where they are taken from."""
    if length == 1:
        return torch.zeros(2 * reach + 1, dtype=torch.long, device=device)
    period = 2 * (length - 1)
    positions = torch.arange(-reach, length + reach, device=device) % period
    return torch.minimum(positions, period - positions)
