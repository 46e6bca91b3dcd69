"""Nodes that do to their platform whatever somebody's node may do, by accident or not; what, is an input."""

from __future__ import annotations

from typing import Any

from .asked import MisbehaveWhenAsked
from .ending import ENDING
from .lasting import LASTING
from .meddling import MEDDLING
from .picturing import PICTURING
from .raising import RAISING
from .returning import RETURNING

WAYS = RAISING | RETURNING | PICTURING | MEDDLING | LASTING | ENDING


class Misbehave:
    """Does what `how` says with a picture, and passes on what comes of it."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "run"
    CATEGORY = "testing"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE",), "how": (sorted(WAYS),)}}

    def run(self, image: Any, how: str) -> Any:
        return WAYS[how](image)


class MisbehaveAndShow(Misbehave):
    """The same as an output, as those are that show something."""

    OUTPUT_NODE = True


NODE_CLASS_MAPPINGS = {
    "Misbehave": Misbehave,
    "MisbehaveAndShow": MisbehaveAndShow,
    "MisbehaveWhenAsked": MisbehaveWhenAsked,
}
