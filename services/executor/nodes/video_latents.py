"""Latents of videos: zeros for the model families, and cutting off the beginning."""

from __future__ import annotations

from typing import Any, ClassVar

from services.executor.nodes.declarations import LONGEST_SIDE, Declaration, whole
from services.executor.nodes.empty_latents import BATCH, zeros
from services.executor.nodes.latent import Latent
from services.executor.nodes.latent_arithmetic import LATENT
from services.executor.nodes.schema_node import SchemaNode


class EmptyVideoLatent:
    """Zeros in the shape of a family's latents; a latent's first frame stands for one frame, the others for several.

    Attributes:
        CHANNELS: of a cell.
        CELL: pixels a side that one cell stands for.
        FRAMES: frames that one frame of the latent stands for.
    """

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "execute"
    CATEGORY = "latent/video"
    CHANNELS: ClassVar[int]
    CELL: ClassVar[int]
    FRAMES: ClassVar[int]
    WIDTH: ClassVar[Declaration]
    HEIGHT: ClassVar[Declaration]
    LENGTH: ClassVar[Declaration]

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Size of the videos in pixels, how many frames they have, and their number."""
        sizes = {"width": cls.WIDTH, "height": cls.HEIGHT, "length": cls.LENGTH}
        return {"required": {**sizes, "batch_size": BATCH}}

    def execute(self, width: int, height: int, length: int, batch_size: int = 1) -> tuple[Latent]:
        """Return zeros (batch, channels, frames, height, width) of the latent.

        Raises:
            ValueError: they could not be held.
        """
        frames = (length - 1) // self.FRAMES + 1
        shape = (batch_size, self.CHANNELS, frames, height // self.CELL, width // self.CELL)
        return ({"samples": zeros("width, height, length, batch_size", *shape)},)


class EmptyHunyuanLatentVideo(EmptyVideoLatent):
    """Empty videos for HunyuanVideo and Wan 2.1."""

    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_hunyuan"
    CHANNELS, CELL, FRAMES = 16, 8, 4
    WIDTH = whole(848, 16, LONGEST_SIDE, step=16)
    HEIGHT = whole(480, 16, LONGEST_SIDE, step=16)
    LENGTH = whole(25, 1, LONGEST_SIDE, step=4)


class EmptyHunyuanVideo15Latent(EmptyVideoLatent, SchemaNode):
    """Empty videos for HunyuanVideo 1.5."""

    DISPLAY_NAME = "Empty HunyuanVideo 1.5 Latent"
    OUTPUT_MATCHTYPES = None
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_hunyuan"
    CHANNELS, CELL, FRAMES = 32, 16, 4
    WIDTH = whole(848, 16, LONGEST_SIDE, step=16)
    HEIGHT = whole(480, 16, LONGEST_SIDE, step=16)
    LENGTH = whole(25, 1, LONGEST_SIDE, step=4)


class EmptyMochiLatentVideo(EmptyVideoLatent, SchemaNode):
    """Empty videos for Mochi."""

    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_mochi"
    CHANNELS, CELL, FRAMES = 12, 8, 6
    WIDTH = whole(848, 16, LONGEST_SIDE, step=16)
    HEIGHT = whole(480, 16, LONGEST_SIDE, step=16)
    LENGTH = whole(25, 7, LONGEST_SIDE, step=6)


class EmptyCosmosLatentVideo(EmptyVideoLatent, SchemaNode):
    """Empty videos for Cosmos."""

    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_cosmos"
    CHANNELS, CELL, FRAMES = 16, 8, 8
    WIDTH = whole(1280, 16, LONGEST_SIDE, step=16)
    HEIGHT = whole(704, 16, LONGEST_SIDE, step=16)
    LENGTH = whole(121, 1, LONGEST_SIDE, step=8)


class EmptyLTXVLatentVideo(EmptyVideoLatent, SchemaNode):
    """Empty videos for LTX-Video."""

    CATEGORY = "latent/video/ltxv"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_lt"
    CHANNELS, CELL, FRAMES = 128, 32, 8
    WIDTH = whole(768, 64, LONGEST_SIDE, step=32)
    HEIGHT = whole(512, 64, LONGEST_SIDE, step=32)
    LENGTH = whole(97, 1, LONGEST_SIDE, step=8)


class TrimVideoLatent(SchemaNode):
    """A video without its beginning."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "execute"
    CATEGORY = "latent/video"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_wan"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latent, and how many of its frames to leave out."""
        return {"required": {"samples": LATENT, "trim_amount": whole(0, 0, 99999, step=None)}}

    def execute(self, samples: Latent, trim_amount: int) -> tuple[Latent]:
        """Return the frames that are left of (batch, channels, frames, height, width).

        Raises:
            ValueError: it is no video, or no frame would be left.
        """
        latent = samples["samples"]
        if latent.ndim != 5:
            raise ValueError(f"samples: expected the latent of a video, got one of {tuple(latent.shape)}")
        if trim_amount >= latent.shape[2]:
            raise ValueError(f"trim_amount: {trim_amount} of {latent.shape[2]} frames leave none")
        return (samples | {"samples": latent[:, :, trim_amount:]},)


NODES: tuple[type, ...] = (
    EmptyHunyuanLatentVideo,
    EmptyHunyuanVideo15Latent,
    EmptyMochiLatentVideo,
    EmptyCosmosLatentVideo,
    EmptyLTXVLatentVideo,
    TrimVideoLatent,
)
