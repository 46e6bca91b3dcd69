"""Nodes that cut, turn and mirror pictures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.declarations import chosen, side

_MODULE = "comfy_extras.nodes_images"

QUARTER_TURNS = {"none": 0, "90 degrees": 1, "180 degrees": 2, "270 degrees": 3}


class ImageCrop:
    """A rectangle cut out."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "crop"
    CATEGORY = "image/transform"
    DISPLAY_NAME = "Image Crop"
    RELATIVE_PYTHON_MODULE = _MODULE

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures and the rectangle."""
        return {
            "required": {
                "image": ("IMAGE",),
                "width": side(512, least=1),
                "height": side(512, least=1),
                "x": side(0),
                "y": side(0),
            }
        }

    def crop(self, image: Tensor, width: int, height: int, x: int, y: int) -> tuple[Tensor]:
        """Return what the rectangle and the pictures share; one that begins outside gets the last row or column."""
        left, top = min(x, image.shape[2] - 1), min(y, image.shape[1] - 1)
        return (image[:, top : top + height, left : left + width],)


class ImageRotate:
    """Pictures turned clockwise."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "rotate"
    CATEGORY = "image/transform"
    RELATIVE_PYTHON_MODULE = _MODULE

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures and the angle."""
        return {"required": {"image": ("IMAGE",), "rotation": (list(QUARTER_TURNS),)}}

    def rotate(self, image: Tensor, rotation: str) -> tuple[Tensor]:
        """Return the pictures turned."""
        return (torch.rot90(image, chosen(QUARTER_TURNS, rotation, "rotation"), (2, 1)),)


class ImageFlip:
    """Pictures mirrored."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "flip"
    CATEGORY = "image/transform"
    RELATIVE_PYTHON_MODULE = _MODULE

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures and the axis they are mirrored at."""
        return {"required": {"image": ("IMAGE",), "flip_method": (["x-axis: vertically", "y-axis: horizontally"],)}}

    def flip(self, image: Tensor, flip_method: str) -> tuple[Tensor]:
        """Return the pictures upside down (x-axis) or with left and right exchanged (y-axis)."""
        return (image.flip(1 if flip_method.startswith("x") else 2),)


NODES = (ImageCrop, ImageRotate, ImageFlip)
