"""Attention within square windows of a picture, every other time of windows that are moved by half their side.

Liu et al. 2021, "Swin Transformer", https://arxiv.org/abs/2103.14030, 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor


@dataclass(frozen=True)
class Windows:
    """Windows of `side` x `side` pixels, moved down and right by `shift`."""

    side: int
    shift: int = 0

    def of(self, picture: Tensor) -> Tensor:
        """The windows (batch, windows, side * side, channels) of a picture (batch, height, width, channels)."""
        batch, height, width, channels = picture.shape
        moved = torch.roll(picture, (-self.shift, -self.shift), (1, 2)) if self.shift else picture
        rows = moved.view(batch, height // self.side, self.side, width // self.side, self.side, channels)
        return rows.transpose(2, 3).reshape(batch, -1, self.side**2, channels)

    def joined(self, windows: Tensor, height: int, width: int) -> Tensor:
        """The picture whose windows these are."""
        batch, _, _, channels = windows.shape
        rows = windows.view(batch, height // self.side, width // self.side, self.side, self.side, channels)
        moved = rows.transpose(2, 3).reshape(batch, height, width, channels)
        return torch.roll(moved, (self.shift, self.shift), (1, 2)) if self.shift else moved

    def mask(self, height: int, width: int, like: Tensor) -> Tensor | None:
        """(windows, 1, side * side, side * side), -100 where moved windows hold pixels that are no neighbours."""
        if not self.shift:
            return None
        return _separate(self, height, width).to(like)


@lru_cache(maxsize=4)
def relative_positions(side: int) -> Tensor:
    """(side * side, side * side): which of (2 * side - 1)**2 relative positions two pixels of a window have."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    down, right = ((places.flatten()[:, None] - places.flatten()[None, :]) + side - 1 for places in (rows, columns))
    return down * (2 * side - 1) + right


@lru_cache(maxsize=4)
def _separate(windows: Windows, height: int, width: int) -> Tensor:
    """Pixels are neighbours when nothing was moved between them: they are in the same of nine regions."""
    side, shift = windows.side, windows.shift
    down, right = (
        (torch.arange(length) >= length - side).int() + (torch.arange(length) >= length - shift)
        for length in (height, width)
    )
    regions = (down[:, None] * 3 + right[None, :]).view(1, height, width, 1)
    inside = Windows(side).of(regions)[0, :, :, 0]
    different = inside[:, :, None] != inside[:, None, :]
    return torch.where(different, -100.0, 0.0).unsqueeze(1)
