"""A picture pasted into another: what composites of pictures, masks and latents have in common."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

from services.executor.nodes.batches import flat_masks, repeated


class Overlap(NamedTuple):
    """Where a source of one size lies on a destination of another; each is a (rows, columns) pair of slices."""

    destination: tuple[slice, slice]
    source: tuple[slice, slice]


def overlap(destination: Tensor, source: Tensor, x: int, y: int) -> Overlap:
    """What both (..., height, width) share when the source's upper left corner is put at (x, y); may be nothing."""
    rows, columns = (
        _shared(destination.shape[dimension], source.shape[dimension], offset)
        for dimension, offset in ((-2, y), (-1, x))
    )
    return Overlap((rows[0], columns[0]), (rows[1], columns[1]))


def pasted(
    destination: Tensor, source: Tensor, x: int, y: int, mask: Tensor | None = None, *, resize_source: bool = False
) -> Tensor:
    """Paste `source` into a copy of `destination`, both (batch, channels, height, width).

    The source's batch is repeated, or cut, to the destination's. The mask (..., height, width) says how much of the
    source is seen; it is stretched to the source, and its batch repeated as well. Without one all is seen.
    """
    source = source.to(destination)
    if resize_source:
        source = functional.interpolate(source, size=destination.shape[-2:], mode="bilinear")
    source = repeated(source, len(destination), "source")
    result = destination.clone()
    where = overlap(destination, source, x, y)
    region = result[(..., *where.destination)]
    seen = source[(..., *where.source)]
    if mask is None:
        region.copy_(seen)
    else:
        weights = flat_masks(mask).unsqueeze(1).to(destination)
        weights = functional.interpolate(weights, size=source.shape[-2:], mode="bilinear")[(..., *where.source)]
        region.lerp_(seen, repeated(weights, len(destination), "mask").expand_as(region))
    return result


def _shared(destination: int, source: int, offset: int) -> tuple[slice, slice]:
    start, end = max(offset, 0), min(offset + source, destination)
    end = max(start, end)
    return slice(start, end), slice(start - offset, end - offset)
