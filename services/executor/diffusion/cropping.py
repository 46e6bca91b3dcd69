"""Pictures cut to other proportions."""

from __future__ import annotations

from torch import Tensor


def cropped(pictures: Tensor, proportion: float) -> Tensor:
    """The middle of pictures (batch, channels, height, width) that is `proportion` times as wide as high."""
    height, width = pictures.shape[-2:]
    left = top = 0
    old_proportion = width / height
    if old_proportion > proportion:
        left = round((width - width * (proportion / old_proportion)) / 2)
    else:
        top = round((height - height * (old_proportion / proportion)) / 2)
    return pictures[..., top : height - top, left : width - left]
