"""Pictures prepared for CLIP's encoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

#: Mean and standard deviation of the channels in the pictures that CLIP was trained with.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STANDARD_DEVIATION = (0.26862954, 0.26130258, 0.27577711)

_LEVELS = 255  # of a channel in the 8-bit pictures that CLIP was trained with


def prepared(
    images: Tensor,
    size: int,
    crop: bool = True,
    mean: Sequence[float] = MEAN,
    std: Sequence[float] = STANDARD_DEVIATION,
) -> Tensor:
    """Pictures (batch, height, width, 3 or more channels) in 0..1 as (batch, 3, size, size), normalised.

    Args:
        crop: take the square in the middle, rather than squeezing the whole picture into one.

    Raises:
        ValueError: these are no pictures with three channels.
    """
    if images.dim() != 4 or images.shape[-1] < 3 or 0 in images.shape:
        raise ValueError(f"image: pictures of three channels are needed, and the shape is {list(images.shape)}")
    pictures = _of_size(images[..., :3].movedim(-1, 1).float(), size, crop)
    pictures = (pictures * _LEVELS).clamp(0, _LEVELS).round() / _LEVELS
    middle, width = (torch.tensor(value, device=pictures.device).view(3, 1, 1) for value in (mean, std))
    return (pictures - middle) / width


def _of_size(pictures: Tensor, size: int, crop: bool) -> Tensor:
    height, width = pictures.shape[-2:]
    if height == width == size:
        return pictures
    scale = size / min(height, width)
    tall, wide = (round(scale * height), round(scale * width)) if crop else (size, size)
    scaled = functional.interpolate(pictures, (tall, wide), mode="bicubic", antialias=True)
    top, left = (tall - size) // 2, (wide - size) // 2
    return scaled[..., top : top + size, left : left + size]
