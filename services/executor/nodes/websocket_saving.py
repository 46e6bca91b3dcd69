"""The node that sends pictures to whoever watches the prompt."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from services.executor.engine.context import PreviewImage, current_context
from services.executor.nodes.pictures import png_of, storable

COMPRESS_LEVEL = 1  # the pictures are not kept


class SaveImageWebsocket:
    """Pictures sent over the WebSocket as PNG and not kept."""

    RETURN_TYPES = ()
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "api/image"
    RELATIVE_PYTHON_MODULE = "custom_nodes.websocket_image_save"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures."""
        return {"required": {"images": ("IMAGE",)}}

    def save_images(self, images: Tensor) -> dict[str, Any]:
        """Send each picture with the progress before it.

        Raises:
            ValueError: these are no pictures.
        """
        images = storable(images)
        context = current_context()
        for index, image in enumerate(images):
            encode = partial(png_of, image, PngInfo(), COMPRESS_LEVEL)
            context.progress(index, len(images), PreviewImage("image/png", encode))
        return {}

    @classmethod
    def IS_CHANGED(cls, images: object) -> float:
        """Another prompt has other watchers, so the pictures are sent again."""
        return math.nan


NODES = (SaveImageWebsocket,)
