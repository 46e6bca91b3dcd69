"""Nodes that say what the picture is to show."""

from __future__ import annotations

from typing import Any

from services.executor.nodes.checkpoint_parts import held_clip


class CLIPTextEncode:
    """A text as a model understands it."""

    RETURN_TYPES = ("CONDITIONING",)
    OUTPUT_TOOLTIPS = ("The text as the model understands it.",)
    FUNCTION = "encode"
    CATEGORY = "conditioning"
    DESCRIPTION = "Turns a text into the conditioning that guides a model towards what it says."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The text and the text encoder."""
        return {
            "required": {
                "text": (
                    "STRING",
                    {"multiline": True, "dynamicPrompts": True, "tooltip": "What the picture is to show."},
                ),
                "clip": ("CLIP", {"tooltip": "The text encoder that belongs to the model."}),
            }
        }

    def encode(self, clip: Any, text: str) -> tuple[Any]:
        """Return the conditioning.

        Raises:
            ValueError: there is no text encoder.
        """
        clip = held_clip(clip)
        return (clip.encode_from_tokens_scheduled(clip.tokenize(text)),)
