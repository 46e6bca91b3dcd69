"""Nodes that paste pictures into pictures and masks into masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from services.executor.nodes.batches import flat_masks, repeated, with_channels
from services.executor.nodes.declarations import chosen, side
from services.executor.nodes.pasting import overlap, pasted

_MODULE = "comfy_extras.nodes_mask"


def _rounded(operation: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda a, b: operation(a.round().bool(), b.round().bool()).to(a.dtype)


OPERATIONS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "multiply": Tensor.mul,
    "add": Tensor.add,
    "subtract": Tensor.sub,
    "and": _rounded(Tensor.logical_and),
    "or": _rounded(Tensor.logical_or),
    "xor": _rounded(Tensor.logical_xor),
}


class ImageCompositeMasked:
    """Pictures pasted into pictures."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "composite"
    CATEGORY = "image"
    RELATIVE_PYTHON_MODULE = _MODULE

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Into what, what, where, whether it is stretched to all of it, and how much of it is seen."""
        return {
            "required": {
                "destination": ("IMAGE",),
                "source": ("IMAGE",),
                "x": side(0),
                "y": side(0),
                "resize_source": ("BOOLEAN", {"default": False}),
            },
            "optional": {"mask": ("MASK",)},
        }

    def composite(
        self, destination: Tensor, source: Tensor, x: int, y: int, resize_source: bool, mask: Tensor | None = None
    ) -> tuple[Tensor]:
        """Return pictures of the destination's number, size and channels."""
        source = with_channels(source, destination.shape[-1])
        result = pasted(destination.movedim(-1, 1), source.movedim(-1, 1), x, y, mask, resize_source=resize_source)
        return (result.movedim(1, -1),)


class MaskComposite:
    """Masks combined where they overlap."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "combine"
    CATEGORY = "mask"
    RELATIVE_PYTHON_MODULE = _MODULE

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Into what, what, where, and how."""
        return {
            "required": {
                "destination": ("MASK",),
                "source": ("MASK",),
                "x": side(0),
                "y": side(0),
                "operation": (list(OPERATIONS),),
            }
        }

    def combine(self, destination: Tensor, source: Tensor, x: int, y: int, operation: str) -> tuple[Tensor]:
        """Return masks of the destination's number and size, in 0..1; and, or, xor are of values rounded to 0 or 1."""
        combined = chosen(OPERATIONS, operation, "operation")
        result = flat_masks(destination).clone()
        sources = repeated(flat_masks(source).to(result), len(result), "source")
        where = overlap(result, sources, x, y)
        region = result[(..., *where.destination)]
        region.copy_(combined(region, sources[(..., *where.source)]))
        return (result.clamp_(0, 1),)


NODES = (ImageCompositeMasked, MaskComposite)
