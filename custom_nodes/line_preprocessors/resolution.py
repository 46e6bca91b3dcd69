"""Pictures in the size that lines are looked for in."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

#: Of these grey has the same three times, and transparency is left out.
COLOURS = 3


def with_shorter_side(images: Tensor, pixels: int) -> Tensor:
    """Pictures (batch, height, width, channels) as (batch, 3, ...) whose shorter side has so many pixels.

    Raises:
        ValueError: these are no pictures, or there are too few pixels.
    """
    if images.dim() != 4 or images.shape[-1] not in (1, 3, 4) or 0 in images.shape:
        raise ValueError(f"image: expected pictures (batch, height, width, channels), not {list(images.shape)}")
    if pixels < 1:
        raise ValueError(f"resolution: {pixels} is not above 0")
    colours = images[..., :COLOURS].movedim(-1, 1).float()
    colours = colours.expand(-1, COLOURS, -1, -1)
    height, width = colours.shape[-2:]
    times = pixels / min(height, width)
    size = round(height * times), round(width * times)
    if size == (height, width):
        return colours
    mode = {"mode": "bicubic"} if times > 1 else {"mode": "area"}
    return functional.interpolate(colours, size=size, **mode).clamp(0, 1)
