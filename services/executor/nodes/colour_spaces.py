"""Nodes between colours and brightness with two differences of colour (ITU-R BT.601)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.declarations import IMAGE
from services.executor.nodes.schema_node import SchemaNode

#: Share of red, green and blue in the brightness.
BRIGHTNESS = (0.299, 0.587, 0.114)

#: Where the differences, which may be negative, have their zero.
MIDDLE = 0.5


class _ColourNode(SchemaNode):
    CATEGORY = "image/batch"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_morphology"


class ImageRGBToYUV(_ColourNode):
    """Brightness and differences of colour, each as a grey picture."""

    RETURN_TYPES = ("IMAGE", "IMAGE", "IMAGE")
    RETURN_NAMES = ("Y", "U", "V")
    OUTPUT_TOOLTIPS = (None, None, None)
    FUNCTION = "split"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures."""
        return {"required": {"image": IMAGE}}

    def split(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return three pictures (batch, height, width, 3)."""
        red, _, blue = image[..., :3].unbind(-1)
        bright = brightness(image)
        parts = (bright, (blue - bright) * 0.564 + MIDDLE, (red - bright) * 0.713 + MIDDLE)
        y, u, v = (part.unsqueeze(-1).expand(*part.shape, 3) for part in parts)
        return y, u, v


class ImageYUVToRGB(_ColourNode):
    """Colours from brightness and differences of colour."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "join"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The brightness and both differences, each as a picture."""
        return {"required": {"Y": IMAGE, "U": IMAGE, "V": IMAGE}}

    def join(self, Y: Tensor, U: Tensor, V: Tensor) -> tuple[Tensor]:
        """Return pictures in 0..1; of pictures with colours the mean of the channels counts."""
        bright = Y.mean(-1)
        blue, red = U.to(Y).mean(-1) - MIDDLE, V.to(Y).mean(-1) - MIDDLE
        channels = (bright + 1.403 * red, bright - 0.714 * red - 0.344 * blue, bright + 1.773 * blue)
        return (torch.stack(channels, -1).clamp_(0, 1),)


def brightness(image: Tensor) -> Tensor:
    """The brightness (batch, height, width) of pictures (batch, height, width, channels)."""
    return image[..., :3] @ torch.tensor(BRIGHTNESS).to(image)


NODES = (ImageRGBToYUV, ImageYUVToRGB)
