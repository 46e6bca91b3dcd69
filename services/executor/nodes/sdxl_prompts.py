"""Nodes that tell Stable Diffusion XL, beside a prompt, about the picture it is trained to think of.

Podell et al., "SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis", section 2.2: the network
is told the size that a training picture had, where it was cropped, and the size that is wanted; the refiner, a score of
how pretty the picture was.
"""

from __future__ import annotations

from typing import Any

from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.checkpoint_parts import held_clip
from services.executor.nodes.declarations import LONGEST_SIDE, Declaration, number, whole
from services.executor.nodes.schema_node import SchemaNode

CLIP: Declaration = ("CLIP", {})
TEXT = ("STRING", {"multiline": True, "dynamicPrompts": True})
SIDE = whole(1024, 0, LONGEST_SIDE, step=None)
CROP = whole(0, 0, LONGEST_SIDE, step=None)


class CLIPTextEncodeSDXL(SchemaNode):
    """Prompts for both text encoders, and the sizes."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "execute"
    CATEGORY = "advanced/conditioning"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_clip_sdxl"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The text encoders, the sizes in pixels, and a prompt for each encoder."""
        return {
            "required": {
                "clip": CLIP,
                "width": SIDE,
                "height": SIDE,
                "crop_w": CROP,
                "crop_h": CROP,
                "target_width": SIDE,
                "target_height": SIDE,
                "text_g": TEXT,
                "text_l": TEXT,
            }
        }

    def execute(self, clip: Any, text_g: str, text_l: str, **sizes: int) -> tuple[Conditioning]:
        """Return the conditioning, as long as the longer prompt.

        Raises:
            ValueError: there are no text encoders, or those of another family.
        """
        tokens = held_clip(clip).tokenize(text_g)
        if "g" not in tokens:
            raise ValueError("clip: these are not the text encoders of Stable Diffusion XL")
        if "l" in tokens:
            tokens["l"] = clip.tokenize(text_l)["l"]
            _fill_up(tokens, clip.tokenize(""))
        return (clip.encode_from_tokens_scheduled(tokens, add_dict=sizes),)


class CLIPTextEncodeSDXLRefiner(SchemaNode):
    """A prompt for the refiner, the size, and how pretty the picture is to be."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "execute"
    CATEGORY = "advanced/conditioning"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_clip_sdxl"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The score, the size in pixels, the prompt and the text encoder."""
        return {
            "required": {
                "ascore": number(6.0, 0.0, 1000.0, 0.01),
                "width": SIDE,
                "height": SIDE,
                "text": TEXT,
                "clip": CLIP,
            }
        }

    def execute(self, clip: Any, ascore: float, width: int, height: int, text: str) -> tuple[Conditioning]:
        """Return the conditioning.

        Raises:
            ValueError: there is no text encoder.
        """
        tokens = held_clip(clip).tokenize(text)
        options = {"aesthetic_score": ascore, "width": width, "height": height}
        return (clip.encode_from_tokens_scheduled(tokens, add_dict=options),)


def _fill_up(tokens: dict[str, list[Any]], empty: dict[str, list[Any]]) -> None:
    """Give each encoder as many chunks as the one that has most."""
    longest = max(len(chunks) for chunks in tokens.values())
    for name, chunks in tokens.items():
        chunks += empty[name] * (longest - len(chunks))


NODES: tuple[type, ...] = (CLIPTextEncodeSDXL, CLIPTextEncodeSDXLRefiner)
