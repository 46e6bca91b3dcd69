"""The node that stops a text encoder early."""

from __future__ import annotations

from typing import Any

from services.executor.nodes.checkpoint_parts import held_clip


class CLIPSetLastLayer:
    """A text encoder without its last layers."""

    DISPLAY_NAME = "CLIP Set Last Layer"
    RETURN_TYPES = ("CLIP",)
    FUNCTION = "set_last_layer"
    CATEGORY = "conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The text encoder and the layer to stop at, counted from the end."""
        layer = {"default": -1, "min": -24, "max": -1, "step": 1}
        return {"required": {"clip": ("CLIP",), "stop_at_clip_layer": ("INT", layer)}}

    def set_last_layer(self, clip: Any, stop_at_clip_layer: int) -> tuple[Any]:
        """Return the encoder that stops there, at the last layer when it has not as many.

        Raises:
            ValueError: there is no text encoder.
        """
        stopping = held_clip(clip).clone()
        stopping.clip_layer(stop_at_clip_layer)
        return (stopping,)


NODES: tuple[type, ...] = (CLIPSetLastLayer,)
