"""The pixels of a drawing alone, each with its eight neighbours: most of a drawing is empty."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

#: (down, right) of the neighbours, clockwise from the one above.
NEIGHBOURS = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))


class Drawn:
    """The pixels of a mask (batch, 1, height, width).

    Attributes:
        neighbours: (pixels, 8) numbers of pixels; that of no pixel is their count.
    """

    def __init__(self, mask: Tensor) -> None:
        padded = functional.pad(mask > 0, (1, 1, 1, 1))
        self._shape, width = padded.shape, padded.shape[-1]
        self._places = padded.flatten().nonzero().squeeze(1)
        numbers = torch.full((padded.numel(),), self.count, device=mask.device)
        numbers[self._places] = torch.arange(self.count, device=mask.device)
        offsets = torch.tensor([down * width + right for down, right in NEIGHBOURS], device=mask.device)
        self.neighbours = numbers[self._places[:, None] + offsets]

    @property
    def count(self) -> int:
        """How many pixels there are."""
        return len(self._places)

    def values_of(self, picture: Tensor) -> Tensor:
        """What a picture (batch, 1, height, width) has at these pixels."""
        return functional.pad(picture, (1, 1, 1, 1)).flatten()[self._places]

    def picture_of(self, values: Tensor) -> Tensor:
        """The picture (batch, 1, height, width) float32 that has these values at the pixels, and 0 elsewhere."""
        picture = torch.zeros(self._shape, device=values.device)
        picture.view(-1)[self._places] = values.float()
        return picture[..., 1:-1, 1:-1]

    def parts(self) -> Tensor:
        """(pixels,) a number for each pixel, the same for all that hang together.

        Shiloach and Vishkin 1982, "An O(log n) parallel connectivity algorithm": trees of pixels are hung into the
        lowest tree beside them, then made flat.
        """
        trees = torch.arange(self.count + 1, device=self._places.device)
        while True:
            lowest = torch.minimum(trees[self.neighbours].amin(1), trees[:-1])
            hung = trees.scatter_reduce(0, trees[:-1], lowest, "amin")
            hung = hung[hung]
            if torch.equal(hung, trees):
                return trees[:-1]
            trees = hung


def touching(seeds: Tensor, mask: Tensor) -> Tensor:
    """The parts of a mask (batch, 1, height, width) of 0 and 1 that hold a seed; diagonal neighbours hang together."""
    drawn = Drawn(mask)
    parts = drawn.parts()
    holds = torch.zeros(drawn.count, device=mask.device).scatter_reduce(0, parts, drawn.values_of(seeds), "amax")
    return drawn.picture_of(holds[parts])


def thinned(lines: Tensor) -> Tensor:
    """Lines (batch, 1, height, width) of 0 and 1, one pixel wide and as connected as they were.

    Zhang and Suen 1984, "A fast parallel algorithm for thinning digital patterns": edges are taken off from the lower
    right and from the upper left in turn.
    """
    drawn = Drawn(lines)
    there = torch.ones(drawn.count + 1, dtype=torch.bool, device=lines.device)
    there[-1] = False
    while True:
        before = there
        for lower_right in (True, False):
            there = there.clone()
            there[:-1] &= ~_is_removable(there[drawn.neighbours], lower_right=lower_right)
        if torch.equal(there, before):
            return drawn.picture_of(there[:-1])


def _is_removable(around: Tensor, *, lower_right: bool) -> Tensor:
    """Whether pixels with such neighbours (pixels, 8) are at that edge of a line, and no link or end of it."""
    count, begins = around.sum(1), (~around & around.roll(-1, 1)).sum(1)
    above, right, below, left = around[:, 0::2].unbind(1)
    inside = right & below & (above | left) if lower_right else above & left & (right | below)
    return (count >= 2) & (count <= 6) & (begins == 1) & ~inside
