"""Nodes that blur and sharpen pictures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.declarations import IMAGE, number, whole
from services.executor.nodes.filters import bell, smoothed
from services.executor.nodes.limits import check_size
from services.executor.nodes.schema_node import SchemaNode

#: ComfyUI's strength of 1 adds ten times what a blur takes away.
STRENGTH_UNIT = 10


class _SharpnessNode(SchemaNode):
    CATEGORY = "image/postprocessing"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_post_processing"


class ImageBlur(_SharpnessNode):
    """Pictures out of focus."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "blur"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, the reach in pixels, and the Gaussian's width as a part of the reach."""
        return {
            "required": {
                "image": IMAGE,
                "blur_radius": whole(1, 1, 31),
                "sigma": number(1.0, 0.1, 10.0, 0.1),
            }
        }

    def blur(self, image: Tensor, blur_radius: int, sigma: float) -> tuple[Tensor]:
        """Return the pictures blurred; a reach of 0 changes nothing."""
        return (image if blur_radius == 0 else _blurred(image, blur_radius, sigma, "blur_radius"),)


class ImageSharpen(_SharpnessNode):
    """Pictures with stronger edges."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "sharpen"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, the reach in pixels, the Gaussian's width as a part of the reach, and the strength."""
        return {
            "required": {
                "image": IMAGE,
                "sharpen_radius": whole(1, 1, 31),
                "sigma": number(1.0, 0.1, 10.0, 0.01),
                "alpha": number(1.0, 0.0, 5.0, 0.01),
            }
        }

    def sharpen(self, image: Tensor, sharpen_radius: int, sigma: float, alpha: float) -> tuple[Tensor]:
        """Return the pictures with what a blur would take away added (unsharp masking), in 0..1.

        A reach of 0 changes nothing.
        """
        if sharpen_radius == 0:
            return (image,)
        return (
            _blurred(image, sharpen_radius, sigma, "sharpen_radius")
            .lerp_(image, 1 + STRENGTH_UNIT * alpha)
            .clamp_(0, 1),
        )


def _blurred(image: Tensor, radius: int, sigma: float, name: str) -> Tensor:
    count, height, width, channels = image.shape
    check_size(name, count, max(height, width), max(height, width) + 2 * radius, channels)
    weights = bell(torch.linspace(-1, 1, 2 * radius + 1), sigma)
    return smoothed(image, weights)


NODES = (ImageBlur, ImageSharpen)
