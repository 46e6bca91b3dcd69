"""The windows of a picture that attention is within, every other time moved by half their sides.

Liu et al. 2021, "Swin Transformer", https://arxiv.org/abs/2103.14030, 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor


@dataclass(frozen=True)
class Windows:
    """Windows of `height` x `width` pixels, moved down and right."""

    height: int
    width: int
    down: int = 0
    right: int = 0

    @classmethod
    def square(cls, side: int, shift: int = 0) -> Windows:
        """Windows as high as wide, moved down as far as right."""
        return cls(side, side, shift, shift)

    def of(self, picture: Tensor) -> Tensor:
        """The windows (batch, windows, pixels, channels) of a picture (batch, height, width, channels)."""
        batch, height, width, channels = picture.shape
        moved = torch.roll(picture, (-self.down, -self.right), (1, 2)) if self.is_moved else picture
        rows = moved.view(batch, height // self.height, self.height, width // self.width, self.width, channels)
        return rows.transpose(2, 3).reshape(batch, -1, self.height * self.width, channels)

    def joined(self, windows: Tensor, height: int, width: int) -> Tensor:
        """The picture whose windows these are."""
        batch, _, _, channels = windows.shape
        rows = windows.view(batch, height // self.height, width // self.width, self.height, self.width, channels)
        moved = rows.transpose(2, 3).reshape(batch, height, width, channels)
        return torch.roll(moved, (self.down, self.right), (1, 2)) if self.is_moved else moved

    @property
    def is_moved(self) -> bool:
        """Whether pixels from opposite sides of a picture meet in a window."""
        return bool(self.down or self.right)

    def mask(self, height: int, width: int, like: Tensor) -> Tensor | None:
        """(windows, 1, pixels, pixels), -100 where moved windows hold pixels that are no neighbours."""
        return _separate(self, height, width).to(like) if self.is_moved else None


@lru_cache(maxsize=4)
def relative_positions(height: int, width: int) -> Tensor:
    """(pixels, pixels): which of (2 * height - 1) * (2 * width - 1) relative positions two pixels of a window have."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    down, right = (places.flatten()[:, None] - places.flatten()[None, :] for places in (rows, columns))
    return (down + height - 1) * (2 * width - 1) + right + width - 1


@lru_cache(maxsize=4)
def _separate(windows: Windows, height: int, width: int) -> Tensor:
    """Pixels are neighbours when nothing was moved between them: they are in the same of nine regions."""
    down, right = (
        (torch.arange(length) >= length - side).int() + (torch.arange(length) >= length - shift)
        for length, side, shift in ((height, windows.height, windows.down), (width, windows.width, windows.right))
    )
    regions = (down[:, None] * 3 + right[None, :]).view(1, height, width, 1)
    inside = Windows(windows.height, windows.width).of(regions)[0, :, :, 0]
    different = inside[:, :, None] != inside[:, None, :]
    return torch.where(different, -100.0, 0.0).unsqueeze(1)
