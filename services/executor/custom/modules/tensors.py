"""Sizes of tensors for `comfy.utils`: batches, masks, tiles."""

from __future__ import annotations

import binascii
import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from services.executor.custom.modules.progress_bar import ProgressBar
from services.executor.diffusion.tiling import Scale, TileFunction, in_tiles, tile_count
from services.executor.nodes.latent_scaling import scaled_latent
from services.executor.nodes.scaling import scaled


def common_upscale(samples: Tensor, width: int, height: int, upscale_method: str, crop: str) -> Tensor:
    """Bring (batch, channels, height, width) to a size; five dimensions are taken frame by frame.

    Raises:
        ValueError: the method is not known here.
    """
    if upscale_method == "bislerp":
        return scaled_latent(samples, width, height, upscale_method, crop)
    if samples.ndim > 4:
        frames = samples.movedim(1, -3).reshape(-1, samples.shape[1], *samples.shape[-2:])
        result = common_upscale(frames, width, height, upscale_method, crop)
        shape = (samples.shape[0], *samples.shape[2:-2], samples.shape[1], *result.shape[-2:])
        return result.reshape(shape).movedim(-3, 1)
    return scaled(samples.movedim(1, -1), width, height, upscale_method, crop).movedim(-1, 1)


def lanczos(samples: Tensor, width: int, height: int) -> Tensor:
    """Bring pictures (batch, channels, height, width) to a size by Lanczos resampling."""
    return common_upscale(samples, width, height, "lanczos", "disabled")


def bislerp(samples: Tensor, width: int, height: int) -> Tensor:
    """Bring latents (batch, channels, height, width) to a size, turning from cell to cell."""
    return common_upscale(samples, width, height, "bislerp", "disabled")


def repeat_to_batch_size(tensor: Tensor, batch_size: int, dim: int = 0) -> Tensor:
    """Cut or repeat along a dimension until it has a length."""
    length = tensor.shape[dim]
    if length >= batch_size:
        return tensor.narrow(dim, 0, batch_size)
    repeats = [1] * tensor.ndim
    repeats[dim] = math.ceil(batch_size / length)
    return tensor.repeat(repeats).narrow(dim, 0, batch_size)


def resize_to_batch_size(tensor: Tensor, batch_size: int) -> Tensor:
    """Choose items evenly until there are as many; the first and the last stay."""
    chosen = _spread(len(tensor), batch_size)
    return tensor if chosen is None else tensor[chosen]


def resize_list_to_batch_size(items: Sequence[object], batch_size: int) -> list[object]:
    """Choose items evenly until there are as many."""
    chosen = _spread(len(items), batch_size)
    return list(items) if chosen is None else [items[index] for index in chosen]


def reshape_mask(input_mask: Tensor, output_shape: Sequence[int]) -> Tensor:
    """Bring a mask to the batch, channels and size of `output_shape` (batch, channels, ..., height, width)."""
    mask = input_mask.reshape(-1, 1, *input_mask.shape[-2:])
    mask = functional.interpolate(mask.float(), size=tuple(output_shape[-2:]), mode="bilinear")
    mask = mask.expand(-1, output_shape[1], -1, -1)
    return repeat_to_batch_size(mask, output_shape[0])


def string_to_seed(data: bytes | bytearray) -> int:
    """The CRC-32 of the bytes."""
    return binascii.crc32(data)


def get_tiled_scale_steps(width: int, height: int, tile_x: int, tile_y: int, overlap: int) -> int:
    """How many tiles `tiled_scale` takes."""
    return tile_count((height, width), (tile_y, tile_x), overlap)


def tiled_scale(
    samples: Tensor,
    function: TileFunction,
    tile_x: int = 64,
    tile_y: int = 64,
    overlap: int = 8,
    upscale_amount: float = 4,
    out_channels: int = 3,
    output_device: str | torch.device = "cpu",
    pbar: ProgressBar | None = None,
) -> Tensor:
    """Apply a function that enlarges to tiles of (batch, channels, height, width) and blend where they overlap."""
    return tiled_scale_multidim(
        samples, function, (tile_y, tile_x), overlap, upscale_amount, out_channels, output_device, pbar=pbar
    )


@torch.inference_mode()
def tiled_scale_multidim(
    samples: Tensor,
    function: TileFunction,
    tile: Sequence[int] = (64, 64),
    overlap: int | Sequence[int] = 8,
    upscale_amount: Scale | Sequence[Scale] = 4,
    out_channels: int = 3,
    output_device: str | torch.device = "cpu",
    downscale: bool = False,
    index_formulas: Scale | Sequence[Scale] | None = None,
    pbar: ProgressBar | None = None,
) -> Tensor:
    """As `tiled_scale`, for any number of dimensions behind the channels.

    Args:
        overlap, upscale_amount: for each dimension or for all.
        downscale: numbers among the amounts divide.
        index_formulas: where in the result a tile begins, where the amounts say something else.
    """
    return in_tiles(
        samples,
        function,
        tile,
        overlap,
        scale=_divided(upscale_amount) if downscale else upscale_amount,
        places=_divided(index_formulas) if downscale and index_formulas is not None else index_formulas,
        channels=out_channels,
        device=output_device,
        after_tile=None if pbar is None else partial(pbar.update, 1),
    )


def _divided(amount: Scale | Sequence[Scale]) -> Scale | Sequence[Scale]:
    """One part of numbers; functions are taken as they are."""
    if isinstance(amount, Sequence):
        return [1 / part if isinstance(part, int | float) else part for part in amount]
    return 1 / amount if isinstance(amount, int | float) else amount


def _spread(length: int, wanted: int) -> list[int] | None:
    if length == wanted:
        return None
    if wanted <= 1:
        return [0] * wanted
    if wanted < length:
        return [round(index * (length - 1) / (wanted - 1)) for index in range(wanted)]
    return [min(length - 1, math.floor((index + 0.5) * length / wanted)) for index in range(wanted)]
