"""Nodes that make masks, and turn pictures into masks and back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.batches import flat_masks
from services.executor.nodes.declarations import chosen, number, side
from services.executor.nodes.limits import check_size

CHANNELS = {"red": 0, "green": 1, "blue": 2, "alpha": 3}


class _MaskNode:
    CATEGORY = "mask"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_mask"


class MaskToImage(_MaskNode):
    """Masks as grey pictures."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "mask_to_image"
    DISPLAY_NAME = "Convert Mask to Image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The masks."""
        return {"required": {"mask": ("MASK",)}}

    def mask_to_image(self, mask: Tensor) -> tuple[Tensor]:
        """Return pictures (batch, height, width, 3); the channels share their memory."""
        return (flat_masks(mask).unsqueeze(-1).expand(-1, -1, -1, 3),)


class ImageToMask(_MaskNode):
    """One channel of pictures as masks."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "image_to_mask"
    DISPLAY_NAME = "Convert Image to Mask"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures and the channel."""
        return {"required": {"image": ("IMAGE",), "channel": (list(CHANNELS),)}}

    def image_to_mask(self, image: Tensor, channel: str) -> tuple[Tensor]:
        """Return masks (batch, height, width).

        Raises:
            ValueError: the pictures have no such channel.
        """
        index = chosen(CHANNELS, channel, "channel")
        if index >= image.shape[-1]:
            raise ValueError(f"channel: pictures of {image.shape[-1]} channels have no {channel}")
        return (image[..., index],)


class ImageColorToMask(_MaskNode):
    """Where pictures have a colour."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "image_to_mask"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures and the colour (0xRRGGBB)."""
        color = {"default": 0, "min": 0, "max": 0xFFFFFF, "step": 1, "display": "color"}
        return {"required": {"image": ("IMAGE",), "color": ("INT", color)}}

    def image_to_mask(self, image: Tensor, color: int) -> tuple[Tensor]:
        """Return masks with 1 where a pixel rounded to 8 bits a channel is exactly the colour."""
        wanted = torch.tensor([color >> shift & 0xFF for shift in (16, 8, 0)], device=image.device)
        return (((image[..., :3].clamp(0, 1) * 255).round() == wanted).all(-1).float(),)


class SolidMask(_MaskNode):
    """A mask of one value."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "solid"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The value and the size."""
        return {
            "required": {
                "value": number(1.0, 0.0, 1.0, 0.01),
                "width": side(512, least=1),
                "height": side(512, least=1),
            }
        }

    def solid(self, value: float, width: int, height: int) -> tuple[Tensor]:
        """Return a mask (1, height, width)."""
        check_size("width, height", 1, height, width)
        return (torch.full((1, height, width), value, dtype=torch.float32),)


class InvertMask(_MaskNode):
    """What was masked is not, and the other way round."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "invert"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The masks."""
        return {"required": {"mask": ("MASK",)}}

    def invert(self, mask: Tensor) -> tuple[Tensor]:
        """Return one minus the masks."""
        return (1.0 - mask,)


class CropMask(_MaskNode):
    """A rectangle cut out of masks."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "crop"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The masks and the rectangle."""
        return {
            "required": {
                "mask": ("MASK",),
                "x": side(0),
                "y": side(0),
                "width": side(512, least=1),
                "height": side(512, least=1),
            }
        }

    def crop(self, mask: Tensor, x: int, y: int, width: int, height: int) -> tuple[Tensor]:
        """Return what the rectangle and the masks share.

        Raises:
            ValueError: they share nothing.
        """
        masks = flat_masks(mask)
        if x >= masks.shape[2] or y >= masks.shape[1]:
            raise ValueError(f"x, y: ({x}, {y}) is outside of a mask of {masks.shape[2]} x {masks.shape[1]} pixels")
        return (masks[:, y : y + height, x : x + width],)


class ThresholdMask(_MaskNode):
    """Masks of nothing but 0 and 1."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "image_to_mask"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The masks and the value that must be exceeded."""
        return {"required": {"mask": ("MASK",), "value": number(0.5, 0.0, 1.0, 0.01)}}

    def image_to_mask(self, mask: Tensor, value: float) -> tuple[Tensor]:
        """Return 1 where the masks are above the value."""
        return ((mask > value).float(),)


NODES = (MaskToImage, ImageToMask, ImageColorToMask, SolidMask, InvertMask, CropMask, ThresholdMask)
