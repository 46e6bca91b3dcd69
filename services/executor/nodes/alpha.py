"""Nodes for pictures with transparency; masks are 1 where a picture is transparent."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.batches import flat_masks, like, repeated, resized_masks
from services.executor.nodes.declarations import IMAGE, MASK
from services.executor.nodes.porter_duff import MODES, Layer, compose
from services.executor.nodes.schema_node import SchemaNode, combo


class _CompositingNode(SchemaNode):
    CATEGORY = "mask/compositing"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_compositing"


class PorterDuffImageComposite(_CompositingNode):
    """Two pictures laid over each other by one of Porter and Duff's rules."""

    RETURN_TYPES = ("IMAGE", "MASK")
    OUTPUT_TOOLTIPS = (None, None)
    FUNCTION = "composite"
    DISPLAY_NAME = "Porter-Duff Image Composite"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Both pictures with their masks, and the rule."""
        return {
            "required": {
                "source": IMAGE,
                "source_alpha": MASK,
                "destination": IMAGE,
                "destination_alpha": MASK,
                "mode": combo(*MODES, default="DST"),
            }
        }

    def composite(
        self, source: Tensor, source_alpha: Tensor, destination: Tensor, destination_alpha: Tensor, mode: str
    ) -> tuple[Tensor, Tensor]:
        """Return pictures of the destination's size and their masks, as many as the shortest batch has."""
        source_alpha, destination_alpha = flat_masks(source_alpha), flat_masks(destination_alpha)
        count = min(map(len, (source, source_alpha, destination, destination_alpha)))
        below = destination[:count, ..., :3]
        above = like(source[:count, ..., :3].to(below), below, "bicubic")
        colour, alpha = compose(
            Layer(above, 1 - _alpha_like(source_alpha[:count].to(below), below)),
            Layer(below, 1 - _alpha_like(destination_alpha[:count].to(below), below)),
            mode,
        )
        return colour, 1 - alpha.squeeze(-1)


class SplitImageWithAlpha(_CompositingNode):
    """Colours and transparency apart."""

    RETURN_TYPES = ("IMAGE", "MASK")
    OUTPUT_TOOLTIPS = (None, None)
    FUNCTION = "split"
    DISPLAY_NAME = "Split Image with Alpha"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures."""
        return {"required": {"image": IMAGE}}

    def split(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return pictures of three channels and masks; the mask of an opaque picture is 0."""
        opaque = image.shape[-1] < 4
        return image[..., :3], image.new_zeros(image.shape[:-1]) if opaque else 1 - image[..., 3]


class JoinImageWithAlpha(_CompositingNode):
    """Colours and transparency together."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "join"
    DISPLAY_NAME = "Join Image with Alpha"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures and the masks."""
        return {"required": {"image": IMAGE, "alpha": MASK}}

    def join(self, image: Tensor, alpha: Tensor) -> tuple[Tensor]:
        """Return pictures of four channels; the shorter batch is repeated, masks are stretched to the pictures."""
        masks = resized_masks(alpha.to(image), *image.shape[1:3])
        count = max(len(image), len(masks))
        colours = repeated(image[..., :3], count, "image")
        return (torch.cat((colours, 1 - repeated(masks, count, "alpha").unsqueeze(-1)), -1),)


def _alpha_like(mask: Tensor, image: Tensor) -> Tensor:
    """Masks as (batch, height, width, 1), cropped and stretched to the pictures."""
    return like(mask.unsqueeze(-1), image, "bicubic")


NODES = (PorterDuffImageComposite, SplitImageWithAlpha, JoinImageWithAlpha)
