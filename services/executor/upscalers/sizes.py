"""The sizes of pictures that a network can take."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class SizeRequirements:
    """What the sides of a picture must be."""

    minimum: int = 0
    multiple_of: int = 1
    square: bool = False

    @property
    def none(self) -> bool:
        """Whether any picture will do."""
        return self == SizeRequirements()

    def check(self, width: int, height: int) -> bool:
        """Whether a picture of this size will do."""
        return self.get_padding(width, height) == (0, 0)

    def get_padding(self, width: int, height: int) -> tuple[int, int]:
        """How many columns and rows a picture lacks."""
        wide, high = self._enough(width), self._enough(height)
        if self.square:
            wide = high = max(wide, high)
        return wide - width, high - height

    def padded(self, picture: Tensor) -> Tensor:
        """A picture (batch, channels, height, width) with what it lacks at its right and lower edge.

        It comes back in mirrored order there, and where that does not suffice its last pixels are repeated.
        """
        height, width = picture.shape[-2:]
        right, below = self.get_padding(width, height)
        if not (right or below):
            return picture
        mirrored = min(right, width - 1), min(below, height - 1)
        picture = functional.pad(picture, (0, mirrored[0], 0, mirrored[1]), "reflect")
        return functional.pad(picture, (0, right - mirrored[0], 0, below - mirrored[1]), "replicate")

    def _enough(self, side: int) -> int:
        return -(-max(side, self.minimum) // self.multiple_of) * self.multiple_of
