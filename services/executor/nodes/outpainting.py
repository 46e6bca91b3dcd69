"""The node that makes room around a picture for a model to fill."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.declarations import side
from services.executor.nodes.limits import check_size

GREY = 0.5


class ImagePadForOutpaint:
    """Pictures with grey margins, and a mask of what is new."""

    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "expand_image"
    CATEGORY = "image"
    DISPLAY_NAME = "Pad Image for Outpainting"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, the margins, and how far the mask reaches into the old pictures."""
        return {
            "required": {
                "image": ("IMAGE",),
                "left": side(0, step=8),
                "top": side(0, step=8),
                "right": side(0, step=8),
                "bottom": side(0, step=8),
                "feathering": side(40),
            }
        }

    def expand_image(
        self, image: Tensor, left: int, top: int, right: int, bottom: int, feathering: int
    ) -> tuple[Tensor, Tensor]:
        """Return pictures with margins and one mask (1, height, width), 1 in the margins.

        Towards a margin the mask fades within `feathering` pixels, by the square of the distance. A picture that is
        not larger than twice that has no fading.
        """
        count, height, width, channels = image.shape
        new_height, new_width = top + height + bottom, left + width + right
        check_size("left, top, right, bottom", count, new_height, new_width, channels)
        expanded = image.new_full((count, new_height, new_width, channels), GREY)
        expanded[:, top : top + height, left : left + width] = image
        mask = torch.ones(1, new_height, new_width)
        inside = mask[:, top : top + height, left : left + width]
        inside.zero_()
        if feathering > 0 and feathering * 2 < min(height, width):
            down = _distance(height, top, bottom)
            across = _distance(width, left, right)
            distance = torch.minimum(down[:, None], across[None, :])
            inside.copy_(((feathering - distance) / feathering).clamp_min(0).square())
        return expanded, mask


def _distance(length: int, before: int, after: int) -> Tensor:
    """For each position its distance from the nearest margin; as good as none is `length` away."""
    positions = torch.arange(length, dtype=torch.float32)
    nothing = torch.full((length,), float(length))
    return torch.minimum(positions if before else nothing, length - positions if after else nothing)


NODES = (ImagePadForOutpaint,)
