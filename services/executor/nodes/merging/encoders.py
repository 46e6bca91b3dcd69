"""Nodes that make one text encoder of two."""

from __future__ import annotations

from typing import Any

from services.executor.nodes.merging.mixing import everywhere, mixed_encoders
from services.executor.nodes.merging.models import MULTIPLIER, RATIO
from services.executor.patching.clip import CLIP

CLIPS = {"clip1": ("CLIP",), "clip2": ("CLIP",)}


class CLIPMergeNode:
    """A node of two text encoders; both stay as they were."""

    RETURN_TYPES = ("CLIP",)
    FUNCTION = "merge"
    CATEGORY = "advanced/model_merging"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_model_merging"


class CLIPMergeSimple(CLIPMergeNode):
    """A weighted average."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The encoders, and how much of the first there is in the result."""
        return {"required": {**CLIPS, "ratio": RATIO}}

    def merge(self, clip1: CLIP | None, clip2: CLIP | None, ratio: float) -> tuple[CLIP]:
        """Return clip1 * ratio + clip2 * (1 - ratio).

        Raises:
            ValueError: an encoder is missing, or they have no weights in common.
        """
        return (mixed_encoders(clip1, clip2, everywhere(ratio, 1.0 - ratio)),)


class CLIPMergeSubtract(CLIPMergeNode):
    """A difference, to be added to another encoder."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The encoders, and what the difference is multiplied by."""
        return {"required": {**CLIPS, "multiplier": MULTIPLIER}}

    def merge(self, clip1: CLIP | None, clip2: CLIP | None, multiplier: float) -> tuple[CLIP]:
        """Return (clip1 - clip2) * multiplier; raises as `CLIPMergeSimple`."""
        return (mixed_encoders(clip1, clip2, everywhere(multiplier, -multiplier)),)


class CLIPMergeAdd(CLIPMergeNode):
    """A sum."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The encoders."""
        return {"required": CLIPS}

    def merge(self, clip1: CLIP | None, clip2: CLIP | None) -> tuple[CLIP]:
        """Return clip1 + clip2; raises as `CLIPMergeSimple`."""
        return (mixed_encoders(clip1, clip2, everywhere(1.0, 1.0)),)


NODES: tuple[type, ...] = (CLIPMergeSimple, CLIPMergeSubtract, CLIPMergeAdd)
