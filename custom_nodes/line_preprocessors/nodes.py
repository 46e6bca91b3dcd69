"""The nodes of the pack."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .resolution import with_shorter_side
from .scribbles import scribbles
from .soft_edges import soft_edges

RESOLUTION = ("INT", {"default": 512, "min": 64, "max": 16384, "step": 64, "tooltip": "The shorter side in pixels."})
#: Levels of brightness that are left of soft edges, so that nothing of the picture itself can hide between them.
SAFE_LEVELS = 2


class LineNode:
    """A node that draws a picture's lines in white on black."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "execute"
    CATEGORY = "ControlNet Preprocessors/Line Extractors"


class HEDPreprocessor(LineNode):
    """Soft lines along the outlines of things, the brighter the clearer an outline is."""

    DESCRIPTION = "Draws soft white lines along outlines, for control networks of soft edges (HED)."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, whether few levels of brightness are left, and the shorter side of the result."""
        safe = (["enable", "disable"], {"default": "enable", "tooltip": "Leave only three levels of brightness."})
        return {"required": {"image": ("IMAGE",)}, "optional": {"safe": safe, "resolution": RESOLUTION}}

    def execute(self, image: Tensor, safe: str = "enable", resolution: int = 512) -> tuple[Tensor]:
        """Return pictures (batch, height, width, 3).

        Raises:
            ValueError: these are no pictures, or the resolution is too small.
        """
        edges = soft_edges(with_shorter_side(image, resolution))
        if safe == "enable":
            edges = (edges * (SAFE_LEVELS + 1)).floor().clamp(max=SAFE_LEVELS) / SAFE_LEVELS
        return (_as_pictures(edges),)


class ScribblePreprocessor(LineNode):
    """Lines as a pen would draw them, all of one width."""

    DESCRIPTION = "Draws white lines of one width, for control networks of scribbles."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, and the shorter side of the result."""
        return {"required": {"image": ("IMAGE",)}, "optional": {"resolution": RESOLUTION}}

    def execute(self, image: Tensor, resolution: int = 512) -> tuple[Tensor]:
        """Return pictures (batch, height, width, 3) of 0 and 1; raises as `HEDPreprocessor`."""
        return (_as_pictures(scribbles(with_shorter_side(image, resolution))),)


def _as_pictures(lines: Tensor) -> Tensor:
    return lines.movedim(1, -1).expand(-1, -1, -1, 3).contiguous()
