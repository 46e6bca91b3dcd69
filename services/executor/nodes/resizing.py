"""The node that brings pictures or masks to a size which is said in one of many ways."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from services.executor.nodes.batches import flat_masks
from services.executor.nodes.declarations import number, side
from services.executor.nodes.image_scaling import MEGAPIXEL
from services.executor.nodes.scaling import CROPS, METHODS, scaled
from services.executor.nodes.schema_node import SchemaNode, combo
from services.executor.nodes.switch import MATCHING
from services.graph.dynamic_inputs import CHOOSING

TEMPLATE = "input_type"
WAY = "resize_type"
CROP = combo(*CROPS, default="center")

#: How the size is said, and the inputs that say it.
WAYS: Mapping[str, Mapping[str, Any]] = {
    "scale by multiplier": {"multiplier": number(1.0, 0.01, 8.0, 0.01)},
    "scale dimensions": {"width": side(512), "height": side(512), "crop": CROP},
    "scale longer dimension": {"longer_size": side(512)},
    "scale shorter dimension": {"shorter_size": side(512)},
    "scale width": {"width": side(512)},
    "scale height": {"height": side(512)},
    "scale total pixels": {"megapixels": number(1.0, 0.01, 16.0, 0.01)},
    "match size": {"match": ("IMAGE,MASK", {}), "crop": CROP},
}


class ResizeImageMaskNode(SchemaNode):
    """Pictures or masks in another size."""

    DISPLAY_NAME = "Resize Image/Mask"
    RETURN_TYPES = (MATCHING,)
    RETURN_NAMES = ("resized",)
    OUTPUT_MATCHTYPES = (TEMPLATE,)
    FUNCTION = "execute"
    CATEGORY = "transform"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_post_processing"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures or masks, how the size is said, and the method."""
        template = {"template_id": TEMPLATE, "allowed_types": "IMAGE,MASK"}
        options = [{"key": way, "inputs": {"required": dict(inputs)}} for way, inputs in WAYS.items()]
        return {
            "required": {
                "input": (MATCHING, {"template": template}),
                WAY: (CHOOSING, {"options": options}),
                "scale_method": combo(*METHODS, default="area"),
            }
        }

    def execute(self, input: Tensor, scale_method: str, **said: Any) -> tuple[Tensor]:
        """Return them in the new size: pictures (batch, height, width, channels), masks (batch, height, width).

        Raises:
            ValueError: unknown way or method, the size is missing, or the result could not be held.
        """
        way: Any = said.get(WAY)
        if way not in WAYS:
            raise ValueError(f"{WAY}: {way!r} is not one of {', '.join(WAYS)}")
        if scale_method not in METHODS:
            raise ValueError(f"scale_method: {scale_method!r} is not one of {', '.join(METHODS)}")
        inputs: dict[str, Any] = {name: said.get(f"{WAY}.{name}") for name in WAYS[way]}
        for name, value in inputs.items():
            if value is None:
                raise ValueError(f"{WAY}.{name}: there is none")
        is_mask = input.ndim < 4
        images = flat_masks(input).unsqueeze(-1) if is_mask else input
        width, height = _size(way, inputs, *images.shape[1:3])
        crop = inputs.get("crop", "disabled")
        resized = scaled(images, width, height, scale_method, crop, ", ".join(f"{WAY}.{name}" for name in inputs))
        return (resized.squeeze(-1) if is_mask else resized,)


def _size(way: str, inputs: Mapping[str, Any], height: int, width: int) -> tuple[int, int]:
    """The new width and height, of which 0 follows from the other."""
    match way:
        case "scale by multiplier":
            return _times(inputs["multiplier"], height, width)
        case "scale total pixels":
            return _times(math.sqrt(inputs["megapixels"] * MEGAPIXEL / (height * width)), height, width)
        case "scale longer dimension":
            length = inputs["longer_size"]
            return (length, 0) if width >= height else (0, length)
        case "scale shorter dimension":
            length = inputs["shorter_size"]
            return (length, 0) if width < height else (0, length)
        case "match size":
            other = inputs["match"]
            rows, columns = other.shape[1:3] if other.ndim >= 4 else other.shape[-2:]
            return int(columns), int(rows)
    return inputs.get("width", 0), inputs.get("height", 0)


def _times(factor: float, height: int, width: int) -> tuple[int, int]:
    return max(1, round(width * factor)), max(1, round(height * factor))


NODES: tuple[type, ...] = (ResizeImageMaskNode,)
