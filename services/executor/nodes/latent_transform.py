"""Nodes that turn, cut, join and resize latents."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.batches import repeated
from services.executor.nodes.declarations import LONGEST_SIDE, number, whole
from services.executor.nodes.latent import CELL, Latent
from services.executor.nodes.latent_arithmetic import LATENT, LatentNode
from services.executor.nodes.latent_scaling import METHODS, scaled_latent
from services.executor.nodes.limits import check_size
from services.executor.nodes.scaling import CROPS
from services.executor.nodes.schema_node import combo

#: Dimensions by ComfyUI's names. In latents of pictures t is the channels.
DIMENSIONS = {"x": -1, "y": -2, "t": -3}

ROTATIONS = ("none", "90 degrees", "180 degrees", "270 degrees")
FLIPS = ("x-axis: vertically", "y-axis: horizontally")

SMALLEST_SIDE = 64  # pixels of a picture that a latent is brought to


class LatentUpscale:
    """Latents brought to the size of a picture."""

    DISPLAY_NAME = "Upscale Latent"
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "upscale"
    CATEGORY = "latent"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latents, the method, the size in pixels (0 keeps the proportions) and whether to crop to it."""
        side = whole(512, 0, LONGEST_SIDE, step=CELL)
        return {
            "required": {
                "samples": ("LATENT",),
                "upscale_method": (METHODS,),
                "width": side,
                "height": side,
                "crop": (CROPS,),
            }
        }

    def upscale(self, samples: Latent, upscale_method: str, width: int, height: int, crop: str) -> tuple[Latent]:
        """Return the latents in their new size, at least 64 pixels a side; as they are when both sides are 0.

        Raises:
            ValueError: unknown method, or the result could not be held.
        """
        if width == 0 and height == 0:
            return (samples,)
        latent = samples["samples"]
        rows, columns = latent.shape[-2:]
        height = max(SMALLEST_SIDE, height or round(rows * max(SMALLEST_SIDE, width) / columns))
        width = max(SMALLEST_SIDE, width or round(columns * height / rows))
        return (samples | {"samples": scaled_latent(latent, width // CELL, height // CELL, upscale_method, crop)},)


class LatentUpscaleBy:
    """Latents made larger or smaller by a factor."""

    DISPLAY_NAME = "Upscale Latent By"
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "upscale"
    CATEGORY = "latent"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latents, the method and the factor."""
        scale_by = number(1.5, 0.01, 8.0, 0.01)
        return {"required": {"samples": ("LATENT",), "upscale_method": (METHODS,), "scale_by": scale_by}}

    def upscale(self, samples: Latent, upscale_method: str, scale_by: float) -> tuple[Latent]:
        """Return the latents in their new size, at least one cell a side.

        Raises:
            ValueError: unknown method, or the result could not be held.
        """
        latent = samples["samples"]
        height, width = (max(1, round(side * scale_by)) for side in latent.shape[-2:])
        found = scaled_latent(latent, width, height, upscale_method, "disabled", "scale_by")
        return (samples | {"samples": found},)


class LatentRotate:
    """Latents turned clockwise."""

    DISPLAY_NAME = "Rotate Latent"
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "rotate"
    CATEGORY = "latent/transform"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latents and how far to turn them."""
        return {"required": {"samples": ("LATENT",), "rotation": (ROTATIONS,)}}

    def rotate(self, samples: Latent, rotation: str) -> tuple[Latent]:
        """Return the latents turned."""
        turns = ROTATIONS.index(rotation) if rotation in ROTATIONS else 0
        return (samples | {"samples": torch.rot90(samples["samples"], turns, (-1, -2))},)


class LatentFlip:
    """Latents mirrored."""

    DISPLAY_NAME = "Flip Latent"
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "flip"
    CATEGORY = "latent/transform"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latents and the axis they are mirrored at."""
        return {"required": {"samples": ("LATENT",), "flip_method": (FLIPS,)}}

    def flip(self, samples: Latent, flip_method: str) -> tuple[Latent]:
        """Return the latents upside down, or left to right."""
        latent = samples["samples"]
        if flip_method in FLIPS:
            latent = latent.flip(-2 if flip_method == FLIPS[0] else -1)
        return (samples | {"samples": latent},)


class LatentCrop:
    """A rectangle of latents."""

    DISPLAY_NAME = "Crop Latent"
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "crop"
    CATEGORY = "latent/transform"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latents, and the rectangle in pixels."""
        side, place = whole(512, 64, LONGEST_SIDE, step=CELL), whole(0, 0, LONGEST_SIDE, step=CELL)
        return {"required": {"samples": ("LATENT",), "width": side, "height": side, "x": place, "y": place}}

    def crop(self, samples: Latent, width: int, height: int, x: int, y: int) -> tuple[Latent]:
        """Return what of the rectangle lies inside, moved so that there are at least 8 cells a side where they are."""
        latent = samples["samples"]
        rows, columns = latent.shape[-2:]
        left = max(0, min(x // CELL, columns - SMALLEST_SIDE // CELL))
        top = max(0, min(y // CELL, rows - SMALLEST_SIDE // CELL))
        part = latent[..., top : top + height // CELL, left : left + width // CELL]
        return (samples | {"samples": part},)


class LatentConcat(LatentNode):
    """Two latents side by side."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latents and where the second goes: after the first, or with - before it."""
        dim = combo("x", "-x", "y", "-y", "t", "-t")
        return {"required": {"samples1": LATENT, "samples2": LATENT, "dim": dim}}

    def execute(self, samples1: Latent, samples2: Latent, dim: str) -> tuple[Latent]:
        """Return both as one, the second repeated or cut to the batch of the first.

        Raises:
            ValueError: their other sides differ, there is no such dimension, or the result could not be held.
        """
        axis = _axis(dim.removeprefix("-"))
        first = samples1["samples"]
        second = repeated(samples2["samples"], len(first), "samples2")
        _check_joint(first, second, axis)
        both = (second, first) if dim.startswith("-") else (first, second)
        return (samples1 | {"samples": torch.cat(both, dim=axis)},)


class LatentCut(LatentNode):
    """A slice of a latent."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latent, the dimension, and from where how many cells; negative indices count from the end."""
        return {
            "required": {
                "samples": LATENT,
                "dim": combo(*DIMENSIONS),
                "index": whole(0, -LONGEST_SIDE, LONGEST_SIDE),
                "amount": whole(1, 1, LONGEST_SIDE),
            }
        }

    def execute(self, samples: Latent, dim: str, index: int, amount: int) -> tuple[Latent]:
        """Return those cells that there are, at least one.

        Raises:
            ValueError: there is no such dimension.
        """
        latent = samples["samples"]
        axis = _axis(dim)
        length = latent.shape[axis]
        start = min(index, length - 1) if index >= 0 else max(0, length + index)
        return (samples | {"samples": latent.narrow(axis, start, min(amount, length - start))},)


def _axis(dim: str) -> int:
    if dim not in DIMENSIONS:
        raise ValueError(f"dim: {dim!r} is not one of {', '.join(DIMENSIONS)}")
    return DIMENSIONS[dim]


def _check_joint(first: Tensor, second: Tensor, axis: int) -> None:
    shapes = [list(latent.shape) for latent in (first, second)]
    lengths = [shape.pop(axis) for shape in shapes]
    if shapes[0] != shapes[1]:
        raise ValueError(f"samples2: a latent of {tuple(second.shape)} does not fit to one of {tuple(first.shape)}")
    check_size("samples2", sum(lengths), *shapes[0])


NODES: tuple[type, ...] = (
    LatentUpscale,
    LatentUpscaleBy,
    LatentRotate,
    LatentFlip,
    LatentCrop,
    LatentConcat,
    LatentCut,
)
