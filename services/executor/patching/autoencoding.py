"""Decoding and encoding within the memory that there is: as a whole, or in tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from services.executor.diffusion.models.autoencoder import Autoencoder
from services.executor.memory.counters import TILE
from services.executor.memory.current import planner, shortage
from services.executor.patching.model_patcher import ModelPatcher


class Tiles(NamedTuple):
    """Sizes of tiles and the overlap of neighbouring ones, in cells of latents or in pixels."""

    height: int
    width: int
    overlap: int


@dataclass(frozen=True)
class Work:
    """What there is to do with an autoencoder.

    Attributes:
        doing: what it is, for the log and for messages.
        height, width: of what it is done to.
        memory: the bytes that it takes for a height and a width.
        whole: does it at once.
        tiled: does it tile by tile.
    """

    doing: str
    height: int
    width: int
    memory: Callable[[int, int], int]
    whole: Callable[[Autoencoder], Tensor]
    tiled: Callable[[Autoencoder, Tiles], Tensor]

    def memory_in(self, tiles: Tiles) -> int:
        """The bytes that it takes tile by tile."""
        return self.memory(min(self.height, tiles.height), min(self.width, tiles.width))


def done(work: Work, patcher: ModelPatcher, tiles: Tiles) -> Tensor:
    """What the work gives: done at once, or in tiles if that would not fit or did not."""
    network = patcher.patched()
    whole, least = work.memory(work.height, work.width), work.memory_in(tiles)

    def at_once() -> Tensor:
        if _brought(patcher, whole, least) < whole:
            shortage().note(TILE, work.doing)
            return work.tiled(Autoencoder(network), tiles)
        return work.whole(Autoencoder(network))

    def smaller() -> Tensor:
        return work.tiled(Autoencoder(network), tiles)

    return shortage().survived(work.doing, at_once, [network], smaller, TILE)


def done_in_tiles(work: Work, patcher: ModelPatcher, tiles: Tiles) -> Tensor:
    """What the work gives, done tile by tile."""
    network = patcher.patched()
    least = work.memory_in(tiles)

    def tiled() -> Tensor:
        _brought(patcher, least, least)
        return work.tiled(Autoencoder(network), tiles)

    return shortage().survived(f"{work.doing} in tiles", tiled, [network])


def _brought(patcher: ModelPatcher, whole: int, least: int) -> int:
    """The room for work once the network is where it computes; all that is wanted where nobody plans it."""
    if patcher.is_planned:
        return planner().use([patcher.patched()], whole, least)
    patcher.load()
    return whole
