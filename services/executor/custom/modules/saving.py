"""The saving nodes of `nodes` as packs inherit from them: told by attributes where to save."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from services.executor.custom.pack_host import pack_host
from services.executor.nodes import saving
from services.files.records import FileKind


class InheritedSaveImage(saving.SaveImage):
    """Saves where its attributes say, which a pack may have set in an `__init__` of its own.

    Attributes:
        type: "output" or "temp".
        output_dir: the folder of that type.
        prefix_append: added to the beginning of the files' names.
    """

    type = "output"
    prefix_append = ""
    output_dir: str

    def __init__(self) -> None:
        self.output_dir = str(pack_host().folders.folder(FileKind(self.type)))

    def save_images(
        self,
        images: Tensor,
        filename_prefix: str = "ComfyUI",
        prompt: object = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Store pictures (batch, height, width, channels) and say under which names."""
        self.kind = FileKind(self.type)
        return super().save_images(images, filename_prefix + self.prefix_append, prompt, extra_pnginfo)


class InheritedPreviewImage(InheritedSaveImage):
    """Shows pictures without keeping them."""

    DESCRIPTION = saving.PreviewImage.DESCRIPTION

    type = "temp"
    compress_level = saving.PreviewImage.compress_level

    def __init__(self) -> None:
        super().__init__()
        letters = random.SystemRandom().choices(saving.TEMPORARY_LETTERS, k=5)
        self.prefix_append = f"_temp_{''.join(letters)}"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures."""
        return saving.PreviewImage.INPUT_TYPES()
