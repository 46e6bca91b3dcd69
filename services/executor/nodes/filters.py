"""Filters whose weights are the product of weights along rows and along columns."""

from __future__ import annotations

import torch
from torch import Tensor


def bell(positions: Tensor, sigma: float) -> Tensor:
    """Weights of a Gaussian at these positions; their sum is 1.

    Raises:
        ValueError: its width `sigma` is not above 0.
    """
    if sigma <= 0:
        raise ValueError(f"sigma: {sigma} is not above 0")
    weights = torch.exp(-positions.square() / (2 * sigma * sigma))
    return weights / weights.sum()


def smoothed(images: Tensor, weights: Tensor) -> Tensor:
    """Replace each pixel of pictures (batch, height, width, ...) by the weighted mean of its neighbours.

    The filter is the product of the weights, whose number is odd, along rows and along columns. Beyond an edge pixels
    come back in mirrored order, the edge's own not repeated; as often as it takes where a picture is smaller than the
    filter.
    """
    for dimension in (2, 1):
        length = images.shape[dimension]
        padded = images.index_select(dimension, _mirrored(length, len(weights) // 2, images.device))
        images = torch.zeros_like(images)
        for offset, weight in enumerate(weights.tolist()):
            images.add_(padded.narrow(dimension, offset, length), alpha=weight)
    return images


def _mirrored(length: int, reach: int, device: torch.device) -> Tensor:
    """For positions from `reach` before the start to as far beyond the end, where they are taken from."""
    if length == 1:
        return torch.zeros(2 * reach + 1, dtype=torch.long, device=device)
    period = 2 * (length - 1)
    positions = torch.arange(-reach, length + reach, device=device) % period
    return torch.minimum(positions, period - positions)
