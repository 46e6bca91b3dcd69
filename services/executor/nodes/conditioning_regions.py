"""Nodes that say where, when and how strongly a conditioning applies."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.declarations import LONGEST_SIDE, given, number, whole
from services.executor.nodes.latent import CELL

CONDITIONING = ("CONDITIONING",)
STRENGTH = number(1.0, 0.0, 10.0, 0.01)
BOUNDS = ("default", "mask bounds")


def with_options(conditioning: Conditioning, **options: Any) -> list[list[Any]]:
    """The conditioning with these options in every entry; the given one stays as it is.

    Raises:
        ValueError: there is no conditioning.
    """
    return [[embedding, {**own, **options}] for embedding, own in given(conditioning, "conditioning")]


def with_mask(conditioning: Conditioning, mask: Tensor, strength: float, set_cond_area: str) -> list[list[Any]]:
    """The conditioning where a mask (height, width) or (batch, height, width) says so.

    Raises:
        ValueError: the conditioning or the mask is missing.
    """
    mask = given(mask, "mask")
    masks = mask if mask.ndim >= 3 else mask.unsqueeze(0)
    return with_options(conditioning, mask=masks, set_area_to_bounds=set_cond_area != BOUNDS[0], mask_strength=strength)


class ConditioningSetArea:
    """A conditioning for a rectangle of the picture."""

    DISPLAY_NAME = "Conditioning (Set Area)"
    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "append"
    CATEGORY = "conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning, the rectangle in pixels, and how much the conditioning counts there."""
        side, place = whole(64, 64, LONGEST_SIDE, step=CELL), whole(0, 0, LONGEST_SIDE, step=CELL)
        return {
            "required": {
                "conditioning": CONDITIONING,
                "width": side,
                "height": side,
                "x": place,
                "y": place,
                "strength": STRENGTH,
            }
        }

    def append(
        self, conditioning: Conditioning, width: int, height: int, x: int, y: int, strength: float
    ) -> tuple[Conditioning]:
        """Return the conditioning with its rectangle in cells."""
        area = (height // CELL, width // CELL, y // CELL, x // CELL)
        return (with_options(conditioning, area=area, strength=strength, set_area_to_bounds=False),)


class ConditioningSetAreaPercentage:
    """A conditioning for a rectangle of the picture, of whatever size that is."""

    DISPLAY_NAME = "Conditioning (Set Area with Percentage)"
    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "append"
    CATEGORY = "conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning, the rectangle in shares of the picture's sides, and how much the conditioning counts."""
        side, place = number(1.0, 0, 1.0, 0.01), number(0, 0, 1.0, 0.01)
        return {
            "required": {
                "conditioning": CONDITIONING,
                "width": side,
                "height": side,
                "x": place,
                "y": place,
                "strength": STRENGTH,
            }
        }

    def append(
        self, conditioning: Conditioning, width: float, height: float, x: float, y: float, strength: float
    ) -> tuple[Conditioning]:
        """Return the conditioning with its rectangle."""
        area = ("percentage", height, width, y, x)
        return (with_options(conditioning, area=area, strength=strength, set_area_to_bounds=False),)


class ConditioningSetAreaPercentageVideo:
    """A conditioning for a part of the video, of whatever size and length that is."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "append"
    CATEGORY = "conditioning"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_video_model"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning, the part in shares of the video's sides and length, and how much it counts there."""
        side, place = number(1.0, 0, 1.0, 0.01), number(0, 0, 1.0, 0.01)
        part = {"width": side, "height": side, "temporal": side, "x": place, "y": place, "z": place}
        return {"required": {"conditioning": CONDITIONING, **part, "strength": STRENGTH}}

    def append(
        self,
        conditioning: Conditioning,
        width: float,
        height: float,
        temporal: float,
        x: float,
        y: float,
        z: float,
        strength: float,
    ) -> tuple[Conditioning]:
        """Return the conditioning with its part."""
        area = ("percentage", temporal, height, width, z, y, x)
        return (with_options(conditioning, area=area, strength=strength, set_area_to_bounds=False),)


class ConditioningSetAreaStrength:
    """A conditioning that counts more or less."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "append"
    CATEGORY = "conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning and how much it counts."""
        return {"required": {"conditioning": CONDITIONING, "strength": STRENGTH}}

    def append(self, conditioning: Conditioning, strength: float) -> tuple[Conditioning]:
        """Return the conditioning with its strength."""
        return (with_options(conditioning, strength=strength),)


class ConditioningSetMask:
    """A conditioning for the part of the picture that a mask shows."""

    DISPLAY_NAME = "Conditioning (Set Mask)"
    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "append"
    CATEGORY = "conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning, the mask, how much it counts, and whether only the mask's surroundings are looked at."""
        return {
            "required": {
                "conditioning": CONDITIONING,
                "mask": ("MASK",),
                "strength": STRENGTH,
                "set_cond_area": (BOUNDS,),
            }
        }

    def append(
        self, conditioning: Conditioning, mask: Tensor, set_cond_area: str, strength: float
    ) -> tuple[Conditioning]:
        """Return the conditioning with its mask."""
        return (with_mask(conditioning, mask, strength, set_cond_area),)


class ConditioningSetTimestepRange:
    """A conditioning for a part of the sampling."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "set_range"
    CATEGORY = "advanced/conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning, and from which to which share of the sampling it applies."""
        return {
            "required": {
                "conditioning": CONDITIONING,
                "start": number(0.0, 0.0, 1.0, 0.001),
                "end": number(1.0, 0.0, 1.0, 0.001),
            }
        }

    def set_range(self, conditioning: Conditioning, start: float, end: float) -> tuple[Conditioning]:
        """Return the conditioning with its range."""
        return (with_options(conditioning, start_percent=start, end_percent=end),)


NODES: tuple[type, ...] = (
    ConditioningSetArea,
    ConditioningSetAreaPercentage,
    ConditioningSetAreaPercentageVideo,
    ConditioningSetAreaStrength,
    ConditioningSetMask,
    ConditioningSetTimestepRange,
)
