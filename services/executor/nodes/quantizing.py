"""The node that leaves few colours in a picture."""

from __future__ import annotations

from typing import Any

import numpy
import torch
from PIL import Image
from torch import Tensor

from services.executor.nodes.declarations import IMAGE, whole
from services.executor.nodes.schema_node import SchemaNode, combo

BAYER = "bayer-"  # followed by the length of the matrix's side


class ImageQuantize(SchemaNode):
    """Pictures of few colours."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "quantize"
    CATEGORY = "image/postprocessing"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_post_processing"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, the number of colours and the way to hide what is missing."""
        dithers = ("none", "floyd-steinberg", *(f"{BAYER}{side}" for side in (2, 4, 8, 16)))
        return {"required": {"image": IMAGE, "colors": whole(256, 1, 256), "dither": combo(*dithers)}}

    def quantize(self, image: Tensor, colors: int, dither: str) -> tuple[Tensor]:
        """Return pictures (batch, height, width, 3), each with a palette of its own, found by median cut."""
        colours = image[..., :3] if image.shape[-1] >= 3 else image[..., :1].expand(-1, -1, -1, 3)
        pixels = (colours.clamp(0, 1) * 255).to(torch.uint8).cpu().numpy()
        quantized = numpy.empty(pixels.shape, dtype=numpy.float32)
        for index, picture in enumerate(pixels):
            quantized[index] = _quantized(picture, colors, dither)
        return (torch.from_numpy(quantized).div_(255).to(image.device),)


def bayer_matrix(side: int) -> Tensor:
    """Ordered dithering's thresholds (side, side), a power of 2, evenly between -0.5 and 0.5 (Bayer, 1973)."""
    matrix = torch.zeros(1, 1)
    smallest = torch.tensor([[-1.5, 0.5], [1.5, -0.5]])
    while len(matrix) < side:
        finer = smallest / (2 * len(matrix)) ** 2
        matrix = matrix.repeat(2, 2) + finer.repeat_interleave(len(matrix), 0).repeat_interleave(len(matrix), 1)
    return matrix


def _quantized(pixels: Any, colors: int, dither: str) -> Any:
    picture = Image.fromarray(pixels)
    palette = picture.quantize(colors)
    method = Image.Dither.FLOYDSTEINBERG if dither == "floyd-steinberg" else Image.Dither.NONE
    if dither.startswith(BAYER):
        picture = _ordered(pixels, palette, int(dither.removeprefix(BAYER)))
    return numpy.asarray(picture.quantize(colors, palette=palette, dither=method).convert("RGB"))


def _ordered(pixels: Any, palette: Image.Image, side: int) -> Image.Image:
    """The picture with thresholds added, as wide as two colours of the palette are apart."""
    spread = 2 * 256 / (len(palette.getpalette() or ()) // 3)
    thresholds = (spread * bayer_matrix(side) + 0.5).numpy()
    height, width = pixels.shape[:2]
    tiled = numpy.tile(thresholds, (-(-height // side), -(-width // side)))[:height, :width, None]
    return Image.fromarray((pixels + tiled).clip(0, 255).astype(numpy.uint8))


NODES = (ImageQuantize,)
