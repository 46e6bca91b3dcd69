"""Self-attention within tiles of the picture (Fernando, "HyperTile", 2023, https://github.com/tfernd/HyperTile)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.declarations import whole
from services.executor.nodes.patches.model_patch import MODEL, SchemaPatchNode, copy_of
from services.executor.patching.model_patcher import ModelPatcher

CELL = 8  # pixels
SMALLEST_TILE = 32  # pixels


class HyperTile(SchemaPatchNode):
    """Queries that see a part of the picture alone."""

    CATEGORY = "model_patches/unet"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_hypertile"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, the least side of a tile, how many sizes to choose from, and how deep in the network."""
        return {
            "required": {
                "model": MODEL,
                "tile_size": whole(256, 1, 2048, step=None),
                "swap_size": whole(2, 1, 128, step=None),
                "max_depth": whole(0, 0, 10, step=None),
                "scale_depth": ("BOOLEAN", {"default": False}),
            }
        }

    def patch(
        self, model: ModelPatcher | None, tile_size: int, swap_size: int, max_depth: int, scale_depth: bool
    ) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing.
        """
        patched = copy_of(model)
        tiling = TiledQueries(max(SMALLEST_TILE, tile_size) // CELL, swap_size, max_depth, scale_depth)
        patched.set_model_attn1_patch(tiling.split)
        patched.set_model_attn1_output_patch(tiling.join)
        return (patched,)


class TiledQueries:
    """Splits what each self-attention is given, and joins what it gives.

    The queries are split in two directions into tiles; keys and values, of which a tile sees as many as it has queries,
    into runs of tokens. The width is taken for the height, as ComfyUI v0.3.64 does, with which the numbers agree.
    """

    def __init__(self, least: int, options: int, max_depth: int, scale_depth: bool) -> None:
        self._least = least
        self._options = options
        self._max_depth = max_depth
        self._scale_depth = scale_depth
        self._split: tuple[int, int, int, int] | None = None

    def split(
        self, query: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Each (batch, tokens, channels) as (batch * tiles, tokens / tiles, channels)."""
        self._split = None
        height, width = options["original_shape"][-2:]
        tokens = query.shape[1]
        areas = [height / 2**depth * width / 2**depth for depth in range(self._max_depth + 1)]
        if tokens not in areas:
            return query, key, value
        least = self._least * (2 ** areas.index(tokens) if self._scale_depth else 1)
        rows, columns = round(math.sqrt(tokens * width / height)), round(math.sqrt(tokens * height / width))
        if rows * columns != tokens:
            return query, key, value
        down, across = parts_of(rows, least, self._options), parts_of(columns, least, self._options)
        if down * across == 1:
            return query, key, value
        self._split = down, rows // down, across, columns // across
        channels = query.shape[2]
        tiles = (
            query.reshape(-1, *self._split, channels).transpose(2, 3).reshape(-1, tokens // (down * across), channels)
        )
        count = len(tiles)
        return tiles, key.reshape(count, -1, key.shape[2]), value.reshape(count, -1, value.shape[2])

    def join(self, mixed: Tensor, options: dict[str, Any]) -> Tensor:
        """What the tiles gave, in the order of the queries."""
        if self._split is None:
            return mixed
        down, tall, across, wide = self._split
        tiles = mixed.reshape(-1, down, across, tall, wide, mixed.shape[2])
        return tiles.transpose(2, 3).reshape(-1, down * tall * across * wide, mixed.shape[2])


def parts_of(side: int, least: int, options: int) -> int:
    """Into how many equal parts of at least a length a side is split, drawn from torch's global generator.

    Args:
        options: how many of the smallest parts are drawn from; the last of them never is, unless it is the only one.
    """
    lengths = [length for length in range(min(least, side), side + 1) if side % length == 0][:options]
    drawn = int(torch.randint(0, len(lengths) - 1, (1,))) if len(lengths) > 1 else 0
    return side // lengths[drawn]


NODES: tuple[type, ...] = (HyperTile,)
