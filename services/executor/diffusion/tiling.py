"""Large latents and pictures in pieces: a function applied to tiles whose overlaps are blended."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from services.executor.diffusion.pauses import pause

TileFunction = Callable[[Tensor], Tensor]

#: From a length of what is given to one of the result: a factor, or a function of the length.
Scale = float | Callable[[float], float]

T = TypeVar("T")


def in_tiles(
    samples: Tensor,
    function: TileFunction,
    tile: Sequence[int],
    overlap: int | Sequence[int],
    *,
    scale: Scale | Sequence[Scale],
    channels: int,
    device: torch.device | str = "cpu",
    places: Scale | Sequence[Scale] | None = None,
    after_tile: Callable[[], None] | None = None,
) -> Tensor:
    """Apply a function to tiles of each item of a batch (batch, channels, *sizes).

    Args:
        function: takes (1, channels, *tile) and returns `channels` channels with sizes to `scale`.
        tile: the sizes of a tile.
        overlap: of neighbouring tiles, for each dimension or along all; weights rise over it from the edges inwards.
        scale: for each dimension or along all.
        device: of the result.
        places: where in the result a tile begins, as `scale`, for those to which that says something else.
        after_tile: called once for each tile.
    """
    sizes = samples.shape[2:]
    overlaps = _each(overlap, len(sizes))
    scales: Sequence[Scale] = _each(scale, len(sizes))
    begins: Sequence[Scale] = scales if places is None else _each(places, len(sizes))
    target = [_scaled(size, by) for size, by in zip(sizes, scales, strict=True)]
    widths = [_scaled(width, by) for width, by in zip(overlaps, scales, strict=True)]
    results = []
    for item in torch.split(samples, 1):
        total = torch.zeros(1, channels, *target, device=device)
        weight = torch.zeros(1, 1, *target, device=device)
        for corner in _corners(sizes, tile, overlaps):
            pause()
            piece = item
            for axis, (start, length) in enumerate(zip(corner, tile, strict=True)):
                piece = piece.narrow(axis + 2, start, min(length, sizes[axis] - start))
            done = function(piece).to(device)
            feather = _feather(done.shape[2:], widths).to(done)
            place = [slice(None), slice(None)]
            for axis, (start, by) in enumerate(zip(corner, begins, strict=True), start=2):
                begin = _scaled(start, by)
                length = min(done.shape[axis], target[axis - 2] - begin)
                done, feather = done.narrow(axis, 0, length), feather.narrow(axis, 0, length)
                place.append(slice(begin, begin + length))
            total[tuple(place)] += done * feather
            weight[tuple(place)] += feather
            if after_tile is not None:
                after_tile()
        results.append(total / weight)
    return torch.cat(results)


def in_tiles_of_three_shapes(
    samples: Tensor,
    function: TileFunction,
    tile: tuple[int, int],
    overlap: int,
    *,
    scale: Scale,
    channels: int,
    step: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """As `in_tiles` over (batch, channels, height, width): the mean of tall, wide and given tiles, all of one area.

    Their edges lie in different places, which hides what is left of them. ComfyUI's tiled VAE nodes do the same.
    Sides of tiles are multiples of `step`. `progress` is told how many are done, and of how many.
    """
    height, width = tile
    given = (height * 2, width // 2), (height // 2, width * 2), tile
    shapes = [[_whole(side, step) for side in shape] for shape in given]
    total = len(samples) * sum(tile_count(samples.shape[2:], shape, overlap) for shape in shapes)
    done = itertools.count(1)
    how: dict[str, Any] = {"scale": scale, "channels": channels}
    if progress is not None:
        how["after_tile"] = lambda: progress(next(done), total)
    results = (in_tiles(samples, function, shape, overlap, **how) for shape in shapes)
    return functools.reduce(torch.add, results) / len(shapes)


def tile_count(sizes: Sequence[int], tile: Sequence[int], overlap: int | Sequence[int]) -> int:
    """How many tiles one item takes."""
    return len(list(_corners(sizes, tile, _each(overlap, len(sizes)))))


def _each(value: T | Sequence[T], count: int) -> Sequence[T]:
    """What is given for each of so many dimensions, or for all alike."""
    return value if isinstance(value, Sequence) else [value] * count


def _whole(length: int, step: int) -> int:
    return max(step, length // step * step)


def _scaled(length: int, scale: Scale) -> int:
    return round(scale(length) if callable(scale) else length * scale)


def _corners(sizes: Sequence[int], tile: Sequence[int], overlaps: Sequence[int]) -> Iterator[tuple[int, ...]]:
    return itertools.product(*map(_starts, sizes, tile, overlaps))


def _starts(size: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin so that they cover a side; the last one may be shorter."""
    overlap = min(overlap, tile - 1)
    return [0] if size <= tile else list(range(0, size - overlap, tile - overlap))


def _feather(sizes: Sequence[int], widths: Sequence[int]) -> Tensor:
    """Weights that rise from the edges of a tile over `widths`, never zero."""
    weights = torch.ones(1, 1, *sizes)
    for axis, (size, width) in enumerate(zip(sizes, widths, strict=True)):
        rising = (torch.arange(1, size + 1) / max(1, width)).clamp(max=1.0)
        ramp = rising * rising.flip(0)
        weights = weights * ramp.reshape([1, 1, *(size if axis == other else 1 for other in range(len(sizes)))])
    return weights
