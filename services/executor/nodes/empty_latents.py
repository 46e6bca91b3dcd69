"""Latents of zeros for model families with other spaces."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from services.executor.nodes.declarations import LARGEST_BATCH, LONGEST_SIDE, number, whole
from services.executor.nodes.latent import Latent
from services.executor.nodes.limits import check_size
from services.executor.nodes.schema_node import SchemaNode

BATCH = whole(1, 1, LARGEST_BATCH, step=None)
SIZES = "width, height, batch_size"

STAGE_C_CHANNELS = 16
STAGE_B_CHANNELS = 4
STAGE_B_CELL = 4  # pixels

SONG_RATE = 44100  # samples a second
SONG_STEP = 4096  # samples that one step of time stands for


class EmptyPictureLatent(SchemaNode):
    """Zeros in the shape of a family's latents.

    Attributes:
        CHANNELS: of a cell.
        CELL: pixels a side that one cell stands for.
    """

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "execute"
    CHANNELS: ClassVar[int]
    CELL: ClassVar[int]

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Size of the pictures in pixels, and their number."""
        side = whole(1024, 16, LONGEST_SIDE, step=16)
        return {"required": {"width": side, "height": side, "batch_size": BATCH}}

    def execute(self, width: int, height: int, batch_size: int = 1) -> tuple[Latent]:
        """Return zeros (batch, channels, height, width) of the latent.

        Raises:
            ValueError: they could not be held.
        """
        return ({"samples": zeros(SIZES, batch_size, self.CHANNELS, height // self.CELL, width // self.CELL)},)


class EmptySD3LatentImage(EmptyPictureLatent):
    """Empty latents of 16 channels, as Stable Diffusion 3 and Flux take them."""

    CATEGORY = "latent/sd3"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_sd3"
    CHANNELS, CELL = 16, 8


class EmptyHunyuanImageLatent:
    """Empty latents of 64 channels, as HunyuanImage takes them."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "generate"
    CATEGORY = "latent"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_hunyuan"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Size of the pictures in pixels, and their number."""
        side = whole(2048, 64, LONGEST_SIDE, step=32)
        return {"required": {"width": side, "height": side, "batch_size": BATCH}}

    def generate(self, width: int, height: int, batch_size: int = 1) -> tuple[Latent]:
        """Return zeros (batch, 64, height / 32, width / 32)."""
        return ({"samples": zeros(SIZES, batch_size, 64, height // 32, width // 32)},)


class EmptyFlux2LatentImage(EmptyPictureLatent):
    """Empty latents of 128 channels, as Flux 2 takes them."""

    DISPLAY_NAME = "Empty Flux 2 Latent"
    OUTPUT_MATCHTYPES = None
    CATEGORY = "latent"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_flux"
    CHANNELS, CELL = 128, 16


class EmptyChromaRadianceLatentImage(SchemaNode):
    """Empty pictures for Chroma Radiance, which works on pixels."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "execute"
    CATEGORY = "latent/chroma_radiance"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_chroma_radiance"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Size of the pictures in pixels, and their number."""
        side = whole(1024, 16, LONGEST_SIDE, step=16)
        return {"required": {"width": side, "height": side, "batch_size": BATCH}}

    def execute(self, width: int, height: int, batch_size: int = 1) -> tuple[Latent]:
        """Return zeros (batch, 3, height, width)."""
        return ({"samples": zeros(SIZES, batch_size, 3, height, width)},)


class StableCascade_EmptyLatentImage(SchemaNode):
    """Empty latents for both stages of Stable Cascade."""

    RETURN_TYPES = ("LATENT", "LATENT")
    RETURN_NAMES = ("stage_c", "stage_b")
    OUTPUT_TOOLTIPS = (None, None)
    FUNCTION = "execute"
    CATEGORY = "latent/stable_cascade"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_stable_cascade"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Size of the pictures in pixels, how many of them make a cell of stage C, and the pictures' number."""
        side = whole(1024, 256, LONGEST_SIDE, step=8)
        return {"required": {"width": side, "height": side, "compression": whole(42, 4, 128), "batch_size": BATCH}}

    def execute(self, width: int, height: int, compression: int, batch_size: int = 1) -> tuple[Latent, Latent]:
        """Return zeros (batch, 16, height / compression, width / compression) and (batch, 4, height / 4, width / 4)."""
        stage_c = zeros(SIZES, batch_size, STAGE_C_CHANNELS, height // compression, width // compression)
        stage_b = zeros(SIZES, batch_size, STAGE_B_CHANNELS, height // STAGE_B_CELL, width // STAGE_B_CELL)
        return {"samples": stage_c}, {"samples": stage_b}


class EmptyAceStepLatentAudio(SchemaNode):
    """Empty songs for ACE-Step."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "execute"
    CATEGORY = "latent/audio"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_ace"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """How long the songs are, and their number."""
        return {"required": {"seconds": number(120.0, 1.0, 1000.0, 0.1), "batch_size": BATCH}}

    def execute(self, seconds: float, batch_size: int) -> tuple[Latent]:
        """Return zeros (batch, 8, 16, time); one step of time stands for 4096 samples at 44.1 kHz.

        Raises:
            ValueError: they could not be held.
        """
        time = int(seconds * SONG_RATE / SONG_STEP)
        return ({"samples": zeros("seconds, batch_size", batch_size, 8, 16, time), "type": "audio"},)


class EmptyLatentHunyuan3Dv2:
    """Empty shapes for Hunyuan3D 2."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "generate"
    CATEGORY = "latent/3d"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_hunyuan3d"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """How many tokens describe a shape, and the shapes' number."""
        batch_size = ("INT", {**BATCH[1], "tooltip": "How many shapes to make."})
        return {"required": {"resolution": whole(3072, 1, 8192, step=None), "batch_size": batch_size}}

    def generate(self, resolution: int, batch_size: int) -> tuple[Latent]:
        """Return zeros (batch, 64, tokens).

        Raises:
            ValueError: they could not be held.
        """
        return ({"samples": zeros("resolution, batch_size", batch_size, 64, resolution), "type": "hunyuan3dv2"},)


def zeros(inputs: str, *shape: int) -> Tensor:
    """Zeros of a shape that `inputs` ask for.

    Raises:
        ValueError: they could not be held.
    """
    check_size(inputs, *shape)
    return torch.zeros(shape)


NODES: tuple[type, ...] = (
    EmptySD3LatentImage,
    EmptyHunyuanImageLatent,
    EmptyFlux2LatentImage,
    EmptyChromaRadianceLatentImage,
    StableCascade_EmptyLatentImage,
    EmptyAceStepLatentAudio,
    EmptyLatentHunyuan3Dv2,
)
