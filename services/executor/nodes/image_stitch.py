"""The node that puts two pictures side by side."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from services.executor.nodes.batches import with_channels
from services.executor.nodes.declarations import chosen, whole
from services.executor.nodes.limits import check_size
from services.executor.nodes.scaling import scaled

COLOURS = {
    "white": (1.0, 1.0, 1.0),
    "black": (0.0, 0.0, 0.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
}

HEIGHT, WIDTH = 1, 2  # dimensions of (batch, height, width, channels)


class ImageStitch:
    """Two pictures as one."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "stitch"
    CATEGORY = "image/transform"
    DESCRIPTION = (
        "Puts the second picture beside, above or below the first, with a gap of a colour if wanted. "
        "Without a second picture the first is passed on."
    )
    DISPLAY_NAME = "Image Stitch"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, where the second goes, whether it takes the first's size, and the gap."""
        return {
            "required": {
                "image1": ("IMAGE",),
                "direction": (["right", "down", "left", "up"], {"default": "right"}),
                "match_image_size": ("BOOLEAN", {"default": True}),
                "spacing_width": whole(0, 0, 1024, step=2),
                "spacing_color": (list(COLOURS), {"default": "white"}),
            },
            "optional": {"image2": ("IMAGE",)},
        }

    def stitch(
        self,
        image1: Tensor,
        direction: str,
        match_image_size: bool,
        spacing_width: int,
        spacing_color: str,
        image2: Tensor | None = None,
    ) -> tuple[Tensor]:
        """Return the pictures joined.

        The shorter batch goes on with its last picture. Pictures whose sizes are not matched stand in the middle of
        the longer side. An odd gap is one pixel wider.
        """
        if image2 is None:
            return (image1,)
        colour = chosen(COLOURS, spacing_color, "spacing_color")
        along, across = (WIDTH, HEIGHT) if direction in ("left", "right") else (HEIGHT, WIDTH)
        gap = spacing_width + spacing_width % 2
        if match_image_size:
            image2 = _matched(image2, image1, across)
        count, channels = max(len(image1), len(image2)), max(image1.shape[-1], image2.shape[-1])
        breadth = max(image1.shape[across], image2.shape[across])
        check_size("image1, image2", count, image1.shape[along] + gap + image2.shape[along], breadth, channels)
        margin = colour[0] if spacing_color in ("white", "black") else 0.0
        parts = [
            with_channels(_continued(_centred(image, across, breadth, margin), count), channels)
            for image in (image1, image2.to(image1))
        ]
        if direction in ("left", "up"):
            parts.reverse()
        if gap:
            shape = list(parts[0].shape)
            shape[along] = gap
            filling = torch.tensor((*colour, *[1.0] * channels)[:channels]).to(image1)
            parts.insert(1, filling.expand(shape))
        return (torch.cat(parts, along),)


def _matched(image: Tensor, model: Tensor, across: int) -> Tensor:
    """The picture in its own proportions, as high (or wide) as the other."""
    length = model.shape[across]
    proportion = image.shape[WIDTH] / image.shape[HEIGHT]
    width, height = (int(length * proportion), length) if across == HEIGHT else (length, int(length / proportion))
    return scaled(image, max(1, width), max(1, height), "lanczos", "disabled", "match_image_size")


def _continued(image: Tensor, count: int) -> Tensor:
    missing = count - len(image)
    return torch.cat((image, image[-1:].expand(missing, *image.shape[1:]))) if missing else image


def _centred(image: Tensor, across: int, breadth: int, margin: float) -> Tensor:
    missing = breadth - image.shape[across]
    if not missing:
        return image
    sides = (missing // 2, missing - missing // 2)
    # functional.pad counts from the last dimension, which is the channels.
    padding = (0, 0, 0, 0, *sides) if across == HEIGHT else (0, 0, *sides)
    return functional.pad(image, padding, value=margin)


NODES = (ImageStitch,)
