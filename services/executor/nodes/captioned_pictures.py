"""The node that reads all pictures of a folder with the texts beside them."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.conditioning import Conditioning
from services.executor.engine.context import current_context
from services.executor.nodes.checkpoint_parts import held_clip
from services.executor.nodes.declarations import chosen, whole
from services.executor.nodes.picture_sets import FITS, FolderNode, fitted, folders, pictures_in
from services.files.records import FileName

#: Stands for the size of the first picture.
ITS_OWN = -1


class LoadImageTextSetFromFolderNode(FolderNode):
    """All pictures in a folder of the input folder, and what the text files of their names say of them."""

    DISPLAY_NAME = "Load Image and Text Dataset from Folder"
    RETURN_TYPES = ("IMAGE", "CONDITIONING")
    FUNCTION = "load_images"
    DESCRIPTION = "Loads all pictures in a folder as one batch, and the text file beside each as its prompt."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The folder, the text encoder, and the size that the pictures are brought to."""
        size = whole(ITS_OWN, ITS_OWN, 10000)
        return {
            "required": {
                "folder": (folders(), {"tooltip": "The folder with the pictures and their texts."}),
                "clip": ("CLIP", {"tooltip": "The text encoder for the texts."}),
            },
            "optional": {
                "resize_method": (list(FITS), {"default": "None"}),
                "width": (size[0], {**size[1], "tooltip": "The width in pixels, -1 for that of the first picture."}),
                "height": (size[0], {**size[1], "tooltip": "The height in pixels, -1 for that of the first picture."}),
            },
        }

    def load_images(
        self, folder: str, clip: Any, resize_method: str = "None", width: int = ITS_OWN, height: int = ITS_OWN
    ) -> tuple[Tensor, Conditioning]:
        """Return pictures (batch, height, width, 3) in the order of their names, and a conditioning for each.

        Raises:
            ValueError: there is no text encoder; there are no pictures, one is none or of another size, or they could
                not be held; a text is none.
        """
        clip = held_clip(clip)
        fit, names = chosen(FITS, resize_method, "resize_method"), pictures_in(folder)
        if not names:
            raise ValueError(f"folder: there are no pictures in {folder!r}")
        size = None if ITS_OWN in (width, height) else (height, width)
        pictures = torch.cat(list(fitted(names, fit, size)))
        prompts = (clip.encode_from_tokens_scheduled(clip.tokenize(_text_of(name))) for name in names)
        return pictures, [entry for prompt in prompts for entry in prompt]

    @classmethod
    def IS_CHANGED(cls, folder: str, **others: Any) -> list[str]:
        """Other pictures or texts, or other names of them, are another result."""
        files = current_context().files
        texts = (_text_file(name) for name in pictures_in(folder))
        return super().IS_CHANGED(folder) + [
            f"{name} {files.stat_digest(name)}" for name in texts if files.exists(name)
        ]


def _text_file(picture: FileName) -> FileName:
    return FileName(picture.kind, picture.subfolder, f"{PurePosixPath(picture.filename).stem}.txt")


def _text_of(picture: FileName) -> str:
    """What the text file of a picture's name says; nothing where there is none."""
    files, name = current_context().files, _text_file(picture)
    if not files.exists(name):
        return ""
    try:
        return files.fetch(name).read_text("utf-8").strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"folder: {name.path} is no text in UTF-8") from error


NODES: tuple[type, ...] = (LoadImageTextSetFromFolderNode,)
