"""Nodes that bring pictures to a size which they work out themselves."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from services.executor.nodes.declarations import IMAGE, number, side
from services.executor.nodes.limits import check_size
from services.executor.nodes.scaling import METHODS, scaled
from services.executor.nodes.schema_node import SchemaNode, combo

MEGAPIXEL = 1024 * 1024  # pixels

#: (width, height) that the FLUX.1 Kontext model was trained on, as Black Forest Labs published them.
KONTEXT_SIZES = (
    *((672, 1568), (688, 1504), (720, 1456), (752, 1392), (800, 1328), (832, 1248), (880, 1184), (944, 1104)),
    *((1024, 1024), (1104, 944), (1184, 880), (1248, 832), (1328, 800), (1392, 752), (1456, 720), (1504, 688)),
    (1568, 672),
)


class ImageScaleBy:
    """Pictures made larger or smaller by a factor."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"
    CATEGORY = "image/upscaling"
    DISPLAY_NAME = "Upscale Image By"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, the method and the factor."""
        return {
            "required": {
                "image": ("IMAGE",),
                "upscale_method": (METHODS,),
                "scale_by": number(1.0, 0.01, 8.0, 0.01),
            }
        }

    def upscale(self, image: Tensor, upscale_method: str, scale_by: float) -> tuple[Tensor]:
        """Return the pictures in their new size, at least 1 pixel a side."""
        return (_by_factor(image, upscale_method, scale_by, "scale_by"),)


class ImageScaleToTotalPixels(SchemaNode):
    """Pictures brought to a number of pixels in their own proportions."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"
    CATEGORY = "image/upscaling"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_post_processing"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, the method and the size in megapixels of 1024 x 1024."""
        return {
            "required": {
                "image": IMAGE,
                "upscale_method": combo(*METHODS),
                "megapixels": number(1.0, 0.01, 16.0, 0.01),
            }
        }

    def upscale(self, image: Tensor, upscale_method: str, megapixels: float) -> tuple[Tensor]:
        """Return the pictures with about that many pixels."""
        factor = math.sqrt(megapixels * MEGAPIXEL / (image.shape[1] * image.shape[2]))
        return (_by_factor(image, upscale_method, factor, "megapixels"),)


class ImageScaleToMaxDimension:
    """Pictures whose longer side is brought to a length."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"
    CATEGORY = "image/upscaling"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, the method and the length."""
        methods = ("area", "lanczos", "bilinear", "nearest-exact", "bilinear", "bicubic")
        return {"required": {"image": ("IMAGE",), "upscale_method": (methods,), "largest_size": side(512)}}

    def upscale(self, image: Tensor, upscale_method: str, largest_size: int) -> tuple[Tensor]:
        """Return the pictures in their own proportions; a length of 0 changes nothing."""
        if largest_size == 0:
            return (image,)
        height, width = image.shape[1:3]
        longest = max(height, width)
        new_width = max(1, round(width / longest * largest_size))
        new_height = max(1, round(height / longest * largest_size))
        return (scaled(image, new_width, new_height, upscale_method, "disabled", "largest_size"),)


class ResizeAndPadImage:
    """Pictures fitted into a size, with margins where the proportions differ."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "resize_and_pad"
    CATEGORY = "image/transform"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, the size, the colour of the margins and the method."""
        return {
            "required": {
                "image": ("IMAGE",),
                "target_width": side(512, least=1),
                "target_height": side(512, least=1),
                "padding_color": (["white", "black"],),
                "interpolation": (["area", "bicubic", "nearest-exact", "bilinear", "lanczos"],),
            }
        }

    def resize_and_pad(
        self, image: Tensor, target_width: int, target_height: int, padding_color: str, interpolation: str
    ) -> tuple[Tensor]:
        """Return pictures of exactly the size, the old ones in the middle."""
        count, height, width, channels = image.shape
        check_size("target_width, target_height", count, target_height, target_width, channels)
        factor = min(target_width / width, target_height / height)
        new_width, new_height = max(1, int(width * factor)), max(1, int(height * factor))
        left, top = (target_width - new_width) // 2, (target_height - new_height) // 2
        padded = image.new_full(
            (count, target_height, target_width, channels), 0.0 if padding_color == "black" else 1.0
        )
        padded[:, top : top + new_height, left : left + new_width] = scaled(
            image, new_width, new_height, interpolation, "disabled"
        )
        return (padded,)


class FluxKontextImageScale(SchemaNode):
    """Pictures brought to a size that FLUX.1 Kontext knows."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "scale"
    CATEGORY = "advanced/conditioning/flux"
    DESCRIPTION = "Brings pictures to the size closest in proportions among those that FLUX.1 Kontext works best with."
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_flux"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures."""
        return {"required": {"image": IMAGE}}

    def scale(self, image: Tensor) -> tuple[Tensor]:
        """Return the pictures in the new size, cropped to its proportions."""
        proportion = image.shape[2] / image.shape[1]
        width, height = min(KONTEXT_SIZES, key=lambda size: abs(proportion - size[0] / size[1]))
        return (scaled(image, width, height, "lanczos", "center"),)


def _by_factor(image: Tensor, method: str, factor: float, name: str) -> Tensor:
    height, width = image.shape[1:3]
    new_width, new_height = max(1, round(width * factor)), max(1, round(height * factor))
    return scaled(image, new_width, new_height, method, "disabled", name)


NODES = (ImageScaleBy, ImageScaleToTotalPixels, ImageScaleToMaxDimension, ResizeAndPadImage, FluxKontextImageScale)
