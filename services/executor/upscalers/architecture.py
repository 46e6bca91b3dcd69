"""What every kind of network has in common: how a file of it is known, and what is built of its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.structure import Shapes
from services.executor.upscalers.sizes import SizeRequirements

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Network:
    """A network, without its weights, and what it does with a picture.

    Attributes:
        module: takes (batch, input_channels, height, width) in 0..1 and returns `output_channels`, sides times `scale`.
        weights: what it is to be filled with, under the module's names.
        tags: what tells it from others of its kind.
        supports_half: whether it computes well in float16; `supports_bfloat16` likewise.
    """

    module: nn.Module
    weights: Weights
    scale: int
    input_channels: int
    output_channels: int
    size_requirements: SizeRequirements = SizeRequirements()
    tags: tuple[str, ...] = ()
    supports_half: bool = True
    supports_bfloat16: bool = True


@dataclass(frozen=True)
class Architecture:
    """A kind of network.

    Attributes:
        id, name: what node packs know it by.
        recognises: whether names and shapes are those of its weights.
        build: the network of weights, on the meta device; raises CheckpointError where they do not fit together.
    """

    id: str
    name: str
    recognises: Callable[[Shapes], bool]
    build: Callable[[Weights], Network]


def has(*names: str) -> Callable[[Shapes], bool]:
    """Knows an architecture by names that it always has."""
    return lambda shapes: all(name in shapes for name in names)


def shapes_of(weights: Weights) -> dict[str, tuple[int, ...]]:
    """The shapes of weights."""
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


def shuffled_scale(channels: int, likely: int) -> tuple[int, int]:
    """Side and depth of the pixels in `channels` that a shuffle spreads over a square, their depth being `likely` so.

    Raises:
        CheckpointError: they are no square of pixels with 1, 3, 4 or so many channels.
    """
    for depth in (likely, 3, 4, 1):
        side = round((channels / depth) ** 0.5)
        if side * side * depth == channels:
            return side, depth
    raise CheckpointError(f"{channels} channels cannot be shuffled to a square of pixels")
