"""Nodes that make and change pictures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.limits import check_size
from services.executor.nodes.scaling import CROPS, METHODS, scaled

LONGEST_SIDE = 16384  # pixels


class EmptyImage:
    """A batch of pictures of one colour."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "generate"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Size, number and colour (0xRRGGBB)."""
        side = {"default": 512, "min": 1, "max": LONGEST_SIDE, "step": 1}
        return {
            "required": {
                "width": ("INT", side),
                "height": ("INT", side),
                "batch_size": ("INT", {"default": 1, "min": 1, "max": 4096}),
                "color": ("INT", {"default": 0, "min": 0, "max": 0xFFFFFF, "step": 1, "display": "color"}),
            }
        }

    def generate(self, width: int, height: int, batch_size: int = 1, color: int = 0) -> tuple[Tensor]:
        """Return pictures (batch, height, width, 3)."""
        check_size("width, height, batch_size", batch_size, height, width, 3)
        channels = [(color >> shift & 0xFF) / 255 for shift in (16, 8, 0)]
        return (torch.tensor(channels).expand(batch_size, height, width, 3).contiguous(),)


class ImageInvert:
    """Every colour turned into its opposite."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "invert"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures."""
        return {"required": {"image": ("IMAGE",)}}

    def invert(self, image: Tensor) -> tuple[Tensor]:
        """Return one minus the picture."""
        return (1.0 - image,)


class ImageScale:
    """Pictures brought to a size."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"
    CATEGORY = "image/upscaling"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, the method, the size (0 keeps the proportions) and whether to crop to it."""
        side = {"default": 512, "min": 0, "max": LONGEST_SIDE, "step": 1}
        return {
            "required": {
                "image": ("IMAGE",),
                "upscale_method": (METHODS,),
                "width": ("INT", side),
                "height": ("INT", side),
                "crop": (CROPS,),
            }
        }

    def upscale(self, image: Tensor, upscale_method: str, width: int, height: int, crop: str) -> tuple[Tensor]:
        """Return the pictures in their new size."""
        return (scaled(image, width, height, upscale_method, crop),)
