"""Parts of predictions along others, each latent for itself."""

from __future__ import annotations

from torch import Tensor

SMALLEST = 1e-8  # stands for a length of zero


def share_along(vectors: Tensor, direction: Tensor) -> Tensor:
    """By what the direction (batch, ...) is multiplied to come nearest the vectors; (batch, 1, ...)."""
    each = tuple(range(1, vectors.dim()))
    length = (direction**2).sum(each, keepdim=True) + SMALLEST
    return (vectors * direction).sum(each, keepdim=True) / length


def part_along(vectors: Tensor, direction: Tensor) -> Tensor:
    """The part of the vectors that is parallel to the direction."""
    return share_along(vectors, direction) * direction
