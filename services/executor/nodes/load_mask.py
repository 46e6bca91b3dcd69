"""Nodes that read pictures in other ways than `LoadImage`."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.engine.context import current_context
from services.executor.nodes.declarations import side
from services.executor.nodes.load_image import LoadImage
from services.executor.nodes.pictures import read_channel
from services.files.names import parse_annotated

CHANNELS = ("alpha", "red", "green", "blue")


class LoadImageMask:
    """One channel of a picture from the input folder, as a mask."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "load_image"
    CHANGES_WITH = ("image",)
    LISTS = LoadImage.LISTS
    CATEGORY = "mask"
    DISPLAY_NAME = "Load Image (as Mask)"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The picture's name and the channel."""
        return {"required": {**LoadImage.INPUT_TYPES()["required"], "channel": (CHANNELS,)}}

    def load_image(self, image: str, channel: str) -> tuple[Tensor]:
        """Return a mask (1, height, width); the alpha channel gives 1 where the picture is transparent.

        Raises:
            NotFound: there is no such file.
            ValueError: it is not a picture, or there is no such channel.
        """
        if channel not in CHANNELS:
            raise ValueError(f"channel: {channel!r} is not one of {', '.join(CHANNELS)}")
        return (read_channel(current_context().files.fetch(parse_annotated(image)), image, channel),)

    @classmethod
    def IS_CHANGED(cls, image: str, channel: str) -> str:
        """As of `LoadImage`."""
        return LoadImage.IS_CHANGED(image)

    @classmethod
    def VALIDATE_INPUTS(cls, image: str) -> bool | str:
        """Any file that exists may be named, listed or not."""
        return LoadImage.VALIDATE_INPUTS(image)


class LoadImageOutput(LoadImage):
    """A picture that was saved before."""

    DESCRIPTION = "Loads a picture from the output folder; the list can be refreshed for what was saved since."
    DISPLAY_NAME = "Load Image (from Outputs)"
    EXPERIMENTAL = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The picture's name; the frontend asks for the list."""
        listing = {"route": "/internal/files/output", "refresh_button": True, "control_after_refresh": "first"}
        return {"required": {"image": ("COMBO", {"image_upload": True, "image_folder": "output", "remote": listing})}}


class WebcamCapture:
    """A picture that the frontend took with a camera and uploaded."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "load_capture"
    CHANGES_WITH = ("image",)
    CATEGORY = "image"
    DISPLAY_NAME = "Webcam Capture"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_webcam"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The picture's name; the others are for the frontend."""
        return {
            "required": {
                "image": ("WEBCAM", {}),
                "width": side(0),
                "height": side(0),
                "capture_on_queue": ("BOOLEAN", {"default": True}),
            }
        }

    def load_capture(self, image: str, width: int = 0, height: int = 0, capture_on_queue: bool = True) -> tuple[Tensor]:
        """Return the picture.

        Raises:
            NotFound: there is no such file.
            ValueError: it is not a picture.
        """
        return LoadImage().load_image(image)[:1]

    @classmethod
    def IS_CHANGED(cls, image: str, width: int, height: int, capture_on_queue: bool) -> str:
        """As of `LoadImage`."""
        return LoadImage.IS_CHANGED(image)

    @classmethod
    def VALIDATE_INPUTS(cls, image: str) -> bool | str:
        """Any file that exists may be named."""
        return LoadImage.VALIDATE_INPUTS(image)


NODES = (LoadImageMask, LoadImageOutput, WebcamCapture)
