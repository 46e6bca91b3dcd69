"""Nodes that put batches of pictures together, take parts of them and count them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.engine.context import current_context
from services.executor.nodes.batches import like, with_channels
from services.executor.nodes.declarations import LARGEST_BATCH, whole
from services.executor.nodes.limits import check_size


class ImageBatch:
    """Two batches as one."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "batch"
    CATEGORY = "image"
    DISPLAY_NAME = "Batch Images"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The batches."""
        return {"required": {"image1": ("IMAGE",), "image2": ("IMAGE",)}}

    def batch(self, image1: Tensor, image2: Tensor) -> tuple[Tensor]:
        """Return the first batch and then the second in its size; where only one has transparency, both get it."""
        channels = max(image1.shape[-1], image2.shape[-1])
        check_size("image1, image2", len(image1) + len(image2), *image1.shape[1:3], channels)
        second = like(with_channels(image2, channels), image1, "bilinear")
        return (torch.cat((with_channels(image1, channels), second.to(image1))),)


class RepeatImageBatch:
    """A batch several times over."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "repeat"
    CATEGORY = "image/batch"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The batch and how many times."""
        return {"required": {"image": ("IMAGE",), "amount": whole(1, 1, LARGEST_BATCH, step=None)}}

    def repeat(self, image: Tensor, amount: int) -> tuple[Tensor]:
        """Return the whole batch, then the whole batch again."""
        check_size("amount", amount * len(image), *image.shape[1:])
        return (image.repeat(amount, 1, 1, 1),)


class ImageFromBatch:
    """A part of a batch."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "frombatch"
    CATEGORY = "image/batch"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The batch, where to begin and how many to take."""
        return {
            "required": {
                "image": ("IMAGE",),
                "batch_index": whole(0, 0, LARGEST_BATCH - 1, step=None),
                "length": whole(1, 1, LARGEST_BATCH, step=None),
            }
        }

    def frombatch(self, image: Tensor, batch_index: int, length: int) -> tuple[Tensor]:
        """Return that part, as far as there is one; beyond the end it is the last picture."""
        first = min(batch_index, len(image) - 1)
        return (image[first : first + length].clone(),)


class GetImageSize:
    """The size of pictures and how many there are."""

    RETURN_TYPES = ("INT", "INT", "INT")
    RETURN_NAMES = ("width", "height", "batch_size")
    FUNCTION = "get_size"
    CATEGORY = "image"
    DESCRIPTION = "Gives the width and height of the pictures and the length of the batch; the pictures do not change."
    DISPLAY_NAME = "Get Image Size"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures."""
        return {"required": {"image": ("IMAGE",)}, "hidden": {"unique_id": "UNIQUE_ID"}}

    def get_size(self, image: Tensor, unique_id: str | None = None) -> tuple[int, int, int]:
        """Return width, height and number, which the node also shows."""
        count, height, width = image.shape[:3]
        current_context().text(f"{width} × {height}, {count} in the batch")
        return width, height, count


NODES = (ImageBatch, RepeatImageBatch, ImageFromBatch, GetImageSize)
