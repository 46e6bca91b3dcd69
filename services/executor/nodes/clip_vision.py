"""Nodes that load encoders of pictures, and show them pictures."""

from __future__ import annotations

from typing import Any

from services.executor.diffusion.checkpoints.clip_vision import load_clip_vision
from services.executor.environment import environment
from services.executor.nodes.declarations import chosen, given
from services.executor.patching.clip_vision import ClipVisionModel, Output

FOLDER = "clip_vision"
#: Whether a picture that is no square is cropped.
CROPS = {"center": True, "none": False}


class CLIPVisionLoader:
    """The encoder of pictures in a file."""

    DISPLAY_NAME = "Load CLIP Vision"
    RETURN_TYPES = ("CLIP_VISION",)
    FUNCTION = "load_clip"
    CATEGORY = "loaders"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The file's name."""
        return {"required": {"clip_name": (environment().model_names(FOLDER),)}}

    def load_clip(self, clip_name: str) -> tuple[ClipVisionModel]:
        """Return it.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it is no encoder of pictures.
        """
        return (ClipVisionModel(load_clip_vision(environment().models.path(FOLDER, clip_name))),)


class CLIPVisionEncode:
    """What an encoder sees in pictures."""

    DISPLAY_NAME = "CLIP Vision Encode"
    RETURN_TYPES = ("CLIP_VISION_OUTPUT",)
    FUNCTION = "encode"
    LATER_INPUTS = ("crop",)
    CATEGORY = "conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The encoder, the pictures, and what is done with those that are no squares."""
        return {"required": {"clip_vision": ("CLIP_VISION",), "image": ("IMAGE",), "crop": (list(CROPS),)}}

    def encode(self, clip_vision: Any, image: Any, crop: str = "center") -> tuple[Output]:
        """Return what it sees.

        Raises:
            ValueError: there is no encoder, these are no pictures, or there is no such way to crop.
        """
        return (given(clip_vision, "clip_vision").encode_image(image, crop=chosen(CROPS, crop, "crop")),)


NODES: tuple[type, ...] = (CLIPVisionLoader, CLIPVisionEncode)
