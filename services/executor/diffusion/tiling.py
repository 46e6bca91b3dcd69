"""Large latents and pictures in pieces: a function applied to tiles whose overlaps are blended."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

TileFunction = Callable[[Tensor], Tensor]


def in_tiles(
    samples: Tensor,
    function: TileFunction,
    tile: Sequence[int],
    overlap: int,
    *,
    scale: float,
    channels: int,
    device: torch.device | str = "cpu",
    after_tile: Callable[[], None] | None = None,
) -> Tensor:
    """Apply a function to tiles of each item of a batch (batch, channels, *sizes).

    Args:
        function: takes (1, channels, *tile) and returns `channels` channels with sizes times `scale`.
        tile: the sizes of a tile.
        overlap: of neighbouring tiles, along every dimension; weights rise over it from the edges inwards.
        device: of the result.
        after_tile: called once for each tile.
    """
    sizes = samples.shape[2:]
    target = [round(size * scale) for size in sizes]
    results = []
    for item in torch.split(samples, 1):
        total = torch.zeros(1, channels, *target, device=device)
        weight = torch.zeros(1, 1, *target, device=device)
        for corner in _corners(sizes, tile, overlap):
            piece = item
            for axis, (start, length) in enumerate(zip(corner, tile, strict=True)):
                piece = piece.narrow(axis + 2, start, min(length, sizes[axis]))
            done = function(piece).to(device)
            feather = _feather(done.shape[2:], round(overlap * scale)).to(done)
            place = [slice(None), slice(None)]
            for start, length in zip(corner, done.shape[2:], strict=True):
                place.append(slice(round(start * scale), round(start * scale) + length))
            total[tuple(place)] += done * feather
            weight[tuple(place)] += feather
            if after_tile is not None:
                after_tile()
        results.append(total / weight)
    return torch.cat(results)


def tile_count(sizes: Sequence[int], tile: Sequence[int], overlap: int) -> int:
    """How many tiles one item takes."""
    return len(list(_corners(sizes, tile, overlap)))


def _corners(sizes: Sequence[int], tile: Sequence[int], overlap: int) -> Iterator[tuple[int, ...]]:
    return itertools.product(*(_starts(size, length, overlap) for size, length in zip(sizes, tile, strict=True)))


def _starts(size: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin so that they cover a side; the last one ends with it."""
    if size <= tile:
        return [0]
    stride = max(1, tile - overlap)
    return [min(start, size - tile) for start in range(0, size - overlap, stride)]


def _feather(sizes: Sequence[int], width: int) -> Tensor:
    """Weights that rise from the edges of a tile over `width`, never zero."""
    weights = torch.ones(1, 1, *sizes)
    for axis, size in enumerate(sizes):
        distance = torch.minimum(torch.arange(size), torch.arange(size).flip(0)) + 1
        ramp = (distance / max(1, width)).clamp(max=1.0)
        weights = weights * ramp.reshape([1, 1, *(size if axis == other else 1 for other in range(len(sizes)))])
    return weights
