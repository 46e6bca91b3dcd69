"""Nodes that store pictures."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from torch import Tensor

from services.executor.nodes.filename_prefix import name_to_number
from services.executor.nodes.pictures import png_of, storable, workflow_metadata
from services.executor.nodes.stored_files import store
from services.files.records import FileKind

HIDDEN = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}

#: ComfyUI's alphabet for the names of temporary pictures has no w.
TEMPORARY_LETTERS = "abcdefghijklmnopqrstuvxyz"


class SaveImage:
    """Pictures kept in the output folder."""

    RETURN_TYPES = ()
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "image"
    DESCRIPTION = "Saves the pictures to the output folder, with the workflow inside."

    kind = FileKind.OUTPUT
    compress_level = 4

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures and what their names begin with."""
        prefix = {
            "default": "ComfyUI",
            "tooltip": "What the files' names begin with. Subfolders and tokens such as %width% or %year% may be used.",
        }
        return {
            "required": {
                "images": ("IMAGE", {"tooltip": "The pictures to save."}),
                "filename_prefix": ("STRING", prefix),
            },
            "hidden": HIDDEN,
        }

    def save_images(
        self,
        images: Tensor,
        filename_prefix: str = "ComfyUI",
        prompt: object = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Store pictures (batch, height, width, channels) and say under which names.

        Raises:
            InvalidArgument: the prefix leads out of the folder.
            ValueError: these are no pictures.
        """
        images = storable(images)
        height, width = images.shape[1:3]
        place = name_to_number(self.kind, filename_prefix, width, height, datetime.now())
        metadata = workflow_metadata(prompt, extra_pnginfo)
        saved = []
        for index, image in enumerate(images):
            data = png_of(image, metadata, self.compress_level)
            saved.append(store(place, ".png", data, index))
        return {"ui": {"images": saved}}


class PreviewImage(SaveImage):
    """Pictures shown and not kept."""

    DESCRIPTION = "Shows the pictures without keeping them."

    kind = FileKind.TEMP
    compress_level = 1

    def __init__(self) -> None:
        letters = random.SystemRandom().choices(TEMPORARY_LETTERS, k=5)
        self._prefix = f"ComfyUI_temp_{''.join(letters)}"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures."""
        return {"required": {"images": ("IMAGE",)}, "hidden": HIDDEN}

    def save_images(
        self,
        images: Tensor,
        filename_prefix: str = "",
        prompt: object = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Store pictures among the temporary ones, under letters that are this node's own."""
        return super().save_images(images, filename_prefix or self._prefix, prompt, extra_pnginfo)
