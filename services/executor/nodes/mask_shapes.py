"""Nodes that make what is masked grow, shrink and fade."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from services.executor.nodes.batches import flat_masks
from services.executor.nodes.declarations import LONGEST_SIDE, side, whole
from services.executor.nodes.limits import check_size
from services.executor.nodes.windows import window_maximum

_MODULE = "comfy_extras.nodes_mask"


class FeatherMask:
    """Masks that fade towards their edges."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "feather"
    CATEGORY = "mask"
    RELATIVE_PYTHON_MODULE = _MODULE

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The masks, and within how many pixels of each edge they fade."""
        return {"required": {"mask": ("MASK",), "left": side(0), "top": side(0), "right": side(0), "bottom": side(0)}}

    def feather(self, mask: Tensor, left: int, top: int, right: int, bottom: int) -> tuple[Tensor]:
        """Return masks whose outermost row or column of n is 1/n of what it was, the next 2/n, and so on.

        ComfyUI takes the first step from the right and from the bottom at the opposite edge, which nobody can want:
        here each edge fades as the left and the top do.
        """
        masks = flat_masks(mask)
        height, width = masks.shape[1:]
        return (masks * _fading(height, top, bottom).to(masks)[:, None] * _fading(width, left, right).to(masks),)


class GrowMask:
    """Masks that cover more, or less."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "expand_mask"
    CATEGORY = "mask"
    RELATIVE_PYTHON_MODULE = _MODULE

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The masks, by how many pixels they grow (shrink below 0), and whether corners are cut."""
        return {
            "required": {
                "mask": ("MASK",),
                "expand": whole(0, -LONGEST_SIDE, LONGEST_SIDE),
                "tapered_corners": ("BOOLEAN", {"default": True}),
            }
        }

    def expand_mask(self, mask: Tensor, expand: int, tapered_corners: bool) -> tuple[Tensor]:
        """Return masks with each value spread over the square, or with tapered corners the diamond, around it."""
        masks = flat_masks(mask)
        if expand == 0:
            return (masks,)
        if expand < 0:
            return (_spread(masks.neg(), -expand, tapered_corners).neg(),)
        return (_spread(masks, expand, tapered_corners),)


def _fading(length: int, before: int, after: int) -> Tensor:
    factors = torch.ones(length)
    before, after = min(before, length), min(after, length)
    factors[:before] *= torch.arange(1, before + 1) / max(before, 1)
    factors[length - after :] *= (torch.arange(1, after + 1) / max(after, 1)).flip(0)
    return factors


def _spread(masks: Tensor, steps: int, tapered_corners: bool) -> Tensor:
    return _diamond(masks, steps) if tapered_corners else window_maximum(masks, 2 * steps + 1, 2 * steps + 1)


def _diamond(masks: Tensor, steps: int) -> Tensor:
    """The maximum over all positions that are at most `steps` moves up, down, left or right away.

    Half of a diamond's positions, as of a chessboard's one colour, are those of two diagonals put together; the other
    half are their neighbours. A diagonal of up to twice the length is made of two, so that the work grows with the
    logarithm of the steps.
    """
    count, height, width = masks.shape
    if steps >= height + width - 2:
        return masks.amax((1, 2), keepdim=True).expand_as(masks)
    check_size("expand", count, height + 2 * steps, width + 2 * steps)
    spread = functional.pad(masks, (steps,) * 4, value=-math.inf)
    for flip in (False, True):
        covered = 1
        while covered < steps:
            step = min(covered, steps - covered)
            upper, lower = spread[:, :-step], spread[:, step:]
            left, right = (lower, upper) if flip else (upper, lower)
            spread = left[:, :, :-step].maximum(right[:, :, step:])
            covered += step
    # What is left of the margins is one pixel on each side.
    rows, columns = spread[:, :, 1:-1], spread[:, 1:-1]
    vertical = rows[:, :-2].maximum(rows[:, 2:]).maximum(rows[:, 1:-1])
    return vertical.maximum(columns[:, :, :-2]).maximum(columns[:, :, 2:])


NODES = (FeatherMask, GrowMask)
