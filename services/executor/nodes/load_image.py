"""The node that reads pictures."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from torch import Tensor

from services.errors import InvalidArgument
from services.executor.engine.context import current_context
from services.executor.environment import environment
from services.executor.nodes.pictures import read_picture
from services.files.names import parse_annotated
from services.graph.input_lists import PICTURES


class LoadImage:
    """A picture from the input folder, with its transparency as a mask."""

    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "load_image"
    CHANGES_WITH = ("image",)
    LISTS = MappingProxyType({"image": PICTURES})
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The picture's name."""
        return {"required": {"image": (environment().offered(PICTURES), {"image_upload": True})}}

    def load_image(self, image: str) -> tuple[Tensor, Tensor]:
        """Return pictures (frames, height, width, 3) and masks, 1 where the picture is transparent.

        Raises:
            NotFound: there is no such file.
            ValueError: it is not a picture.
        """
        return read_picture(current_context().files.fetch(parse_annotated(image)), image)

    @classmethod
    def IS_CHANGED(cls, image: str) -> str:
        """Another content is another result; the same content under a new date is not."""
        return current_context().files.stat_digest(parse_annotated(image))

    @classmethod
    def VALIDATE_INPUTS(cls, image: str) -> bool | str:
        """Any file that exists may be named, listed or not."""
        try:
            exists = current_context().files.exists(parse_annotated(image))
        except InvalidArgument:
            exists = False
        return exists or f"Invalid image file: {image}"
