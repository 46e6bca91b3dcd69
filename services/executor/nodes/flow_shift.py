"""How far the levels of a rectified flow are moved towards more noise: the more, the larger a picture or a video is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

#: Cells of the latents between which LTX-Video's shift is given.
SMALL_VIDEO = 1024
LARGE_VIDEO = 4096
LARGEST_SHIFT = 700.0  # of which the exponential is still a number


def shift_at(size: float, least: float, most: float, sizes: tuple[int, int]) -> float:
    """The shift of a size, on the line through the least and the most, which are those of two sizes.

    Raises:
        ValueError: its exponential is no number any more.
    """
    small, large = sizes
    shift = least + (most - least) / (large - small) * (size - small)
    if abs(shift) > LARGEST_SHIFT:
        raise ValueError(
            f"max_shift, base_shift: a size of {size:,.0f} gives a shift of {shift:g}, there is none so large"
        )
    return shift


def video_shift(latent: Mapping[str, Any] | None, least: float, most: float) -> float:
    """The shift of a video of LTX-Video, of a large one where there is none; raises as `shift_at`."""
    cells = LARGE_VIDEO if latent is None else math.prod(latent["samples"].shape[2:])
    return shift_at(cells, least, most, (SMALL_VIDEO, LARGE_VIDEO))
