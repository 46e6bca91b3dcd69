"""What the tiny model knows: one object of a shape and a colour, at one of nine places, on a plain background."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SHAPES = ("circle", "square", "triangle", "star", "heart", "cross")
PALETTE = {
    "red": (222, 28, 32),
    "green": (26, 148, 56),
    "blue": (28, 60, 220),
    "yellow": (250, 222, 30),
    "orange": (250, 128, 16),
    "purple": (126, 30, 168),
    "cyan": (30, 204, 226),
    "pink": (252, 136, 190),
    "white": (250, 250, 250),
    "black": (12, 12, 12),
}
COLOURS = tuple(PALETTE)
OFFSETS = (-1, 0, 1)
"""Left or top, middle, right or bottom."""


@dataclass(frozen=True)
class Scene:
    """One picture's content; None in a field where a caption says nothing about it."""

    shape: int | None
    colour: int | None
    background: int | None
    column: int | None
    row: int | None


def random_scenes(count: int, generator: torch.Generator) -> list[Scene]:
    """`count` complete scenes whose object and background differ in colour."""

    def draw(limit: int) -> Tensor:
        return torch.randint(limit, (count,), generator=generator)

    background = draw(len(COLOURS))
    colour = (background + 1 + draw(len(COLOURS) - 1)) % len(COLOURS)
    fields = (draw(len(SHAPES)), colour, background, draw(3) - 1, draw(3) - 1)
    return [Scene(*row) for row in torch.stack(fields, dim=1).tolist()]


def palette() -> Tensor:
    """The colours (colours, 3) in 0..1, in the order of COLOURS."""
    return torch.tensor(list(PALETTE.values()), dtype=torch.float32) / 255
