"""Nodes that enlarge pictures by networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from services.executor.diffusion.tiling import in_tiles, tile_count
from services.executor.engine.context import current_context
from services.executor.environment import environment
from services.executor.memory.counters import TILE
from services.executor.memory.current import planner, shortage
from services.executor.memory.shortage import is_out_of_memory
from services.executor.nodes.declarations import IMAGE
from services.executor.nodes.limits import check_size
from services.executor.nodes.schema_node import SchemaNode, combo
from services.executor.upscalers import UpscaleModel, load_upscaler

FOLDER = "upscale_models"
TILES = (512, 256, 128)  # pixels
OVERLAP = 32
#: Of features as large as the result, that are there at once.
WORKING_CHANNELS = 128
FLOAT_BYTES = 4


class _UpscaleModelNode(SchemaNode):
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_upscale_model"


class UpscaleModelLoader(_UpscaleModelNode):
    """The upscaler in a file."""

    DISPLAY_NAME = "Load Upscale Model"
    RETURN_TYPES = ("UPSCALE_MODEL",)
    FUNCTION = "load_model"
    CATEGORY = "loaders"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The file's name."""
        return {"required": {"model_name": combo(*environment().model_names(FOLDER))}}

    def load_model(self, model_name: str) -> tuple[UpscaleModel]:
        """Return it.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it is no upscaler of a known architecture.
        """
        return (load_upscaler(environment().models.path(FOLDER, model_name)),)


class ImageUpscaleWithModel(_UpscaleModelNode):
    """Pictures as many times larger as an upscaler makes them, tile by tile."""

    DISPLAY_NAME = "Upscale Image (using Model)"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"
    CATEGORY = "image/upscaling"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The upscaler and the pictures."""
        return {"required": {"upscale_model": ("UPSCALE_MODEL", {}), "image": IMAGE}}

    def upscale(self, upscale_model: Any, image: Tensor) -> tuple[Tensor]:
        """Return the pictures (batch, height, width, channels) in 0..1.

        Raises:
            ValueError: they have fewer channels than the upscaler takes, or would be too large.
            torch.OutOfMemoryError, MemoryError: not even small tiles fit into the memory.
        """
        channels = upscale_model.input_channels
        if image.shape[-1] < channels:
            raise ValueError(f"image: has {image.shape[-1]} channels, upscale_model takes {channels}")
        batch, height, width = (int(side) for side in image.shape[:3])
        scale = upscale_model.scale
        check_size("image, upscale_model", batch, height * scale, width * scale, upscale_model.output_channels)
        enlarged = _with_tiles_that_fit(upscale_model, image[..., :channels].movedim(-1, 1))
        return (enlarged.movedim(1, -1).clamp(0, 1),)


def _with_tiles_that_fit(model: Any, pictures: Tensor) -> Tensor:
    """Enlarge (batch, channels, height, width) in tiles that are made smaller when memory runs out."""
    network: nn.Module = model.model
    if planner().memory.is_host:  # its convolutions are quicker with channels side by side
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def in_large_tiles() -> Tensor:
        planner().use([network], _working_memory(model, TILES[0]), _working_memory(model, TILES[-1]))
        return _in_tiles(model, pictures, TILES[0])

    def in_smaller_tiles() -> Tensor:
        for tile in TILES[1:-1]:
            try:
                return _in_tiles(model, pictures, tile)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
        return _in_tiles(model, pictures, TILES[-1])

    doing = f"enlarging a picture, in tiles of {TILES[-1]}x{TILES[-1]} pixels at least"
    return shortage().survived(doing, in_large_tiles, [network], in_smaller_tiles, TILE)


def _working_memory(model: Any, tile: int) -> int:
    """Bytes, roughly."""
    return int((tile * model.scale) ** 2 * WORKING_CHANNELS * FLOAT_BYTES)


def _in_tiles(model: Any, pictures: Tensor, tile: int) -> Tensor:
    def enlarged(piece: Tensor) -> Tensor:
        result: Tensor = model(piece.to(planner().memory.device)).float()
        return result

    return in_tiles(
        pictures,
        enlarged,
        (tile, tile),
        OVERLAP,
        scale=model.scale,
        channels=model.output_channels,
        after_tile=_counting(len(pictures) * tile_count(pictures.shape[2:], (tile, tile), OVERLAP)),
    )


def _counting(tiles: int) -> Callable[[], None]:
    """Reports each tile that is done, and hears of an interruption there."""
    context = current_context()
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        context.progress(done, tiles)

    return count


NODES = (UpscaleModelLoader, ImageUpscaleWithModel)
