"""The node that blends two pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.batches import like, with_channels
from services.executor.nodes.declarations import IMAGE, chosen, number
from services.executor.nodes.schema_node import SchemaNode, combo


def _overlay(below: Tensor, above: Tensor) -> Tensor:
    return torch.where(below <= 0.5, 2 * below * above, 1 - 2 * (1 - below) * (1 - above))


def _soft_light(below: Tensor, above: Tensor) -> Tensor:
    """By the formulas of the W3C's Compositing and Blending Level 1, section 9.1.8."""
    curve = torch.where(below <= 0.25, ((16 * below - 12) * below + 4) * below, below.clamp_min(0).sqrt())
    darker = below - (1 - 2 * above) * below * (1 - below)
    return torch.where(above <= 0.5, darker, below + (2 * above - 1) * (curve - below))


#: From the picture below and the one above to their blend. As in ComfyUI a difference below 0 counts as 0 in the end.
BLENDS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "normal": lambda below, above: above,
    "multiply": torch.mul,
    "screen": lambda below, above: 1 - (1 - below) * (1 - above),
    "overlay": _overlay,
    "soft_light": _soft_light,
    "difference": torch.sub,
}


class ImageBlend(SchemaNode):
    """Two pictures in one."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "blend_images"
    CATEGORY = "image/postprocessing"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_post_processing"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Both pictures, how much of the blend is seen, and the way to blend."""
        return {
            "required": {
                "image1": IMAGE,
                "image2": IMAGE,
                "blend_factor": number(0.5, 0.0, 1.0, 0.01),
                "blend_mode": combo(*BLENDS),
            }
        }

    def blend_images(self, image1: Tensor, image2: Tensor, blend_factor: float, blend_mode: str) -> tuple[Tensor]:
        """Return pictures of the first one's size and channels, in 0..1.

        Raises:
            ValueError: the batches differ in length and neither is a single picture.
        """
        if len(image1) != len(image2) and 1 not in (len(image1), len(image2)):
            raise ValueError(
                f"image2: a batch of {len(image2)} cannot be blended with one of {len(image1)}; "
                "give as many, or a single picture"
            )
        above = like(with_channels(image2.to(image1), image1.shape[-1]), image1, "bicubic")
        blended = chosen(BLENDS, blend_mode, "blend_mode")(image1, above)
        return ((image1 * (1 - blend_factor) + blended * blend_factor).clamp_(0, 1),)


NODES = (ImageBlend,)
