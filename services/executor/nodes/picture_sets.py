"""The node that reads all pictures of a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from services.errors import InvalidArgument
from services.executor.engine.context import current_context
from services.executor.environment import environment
from services.executor.nodes.declarations import chosen
from services.executor.nodes.limits import check_size
from services.executor.nodes.pictures import read_picture
from services.executor.nodes.scaling import scaled
from services.executor.nodes.scenes import FOLDER
from services.files.names import validate_subfolder
from services.files.records import FileKind, FileName
from services.graph.input_lists import PICTURES, InputList

#: Takes a picture (1, height, width, 3) and the width and height that it is to have.
Fit = Callable[[Tensor, int, int], Tensor]


def _unchanged(picture: Tensor, width: int, height: int) -> Tensor:
    rows, columns = picture.shape[1:3]
    raise ValueError(
        f"resize_method: a picture has {columns} x {rows} pixels and the first one {width} x {height}, "
        "so they have to be resized"
    )


def _stretched(picture: Tensor, width: int, height: int) -> Tensor:
    return scaled(picture, width, height, "lanczos", "disabled", "folder")


def _cropped(picture: Tensor, width: int, height: int) -> Tensor:
    return scaled(picture, width, height, "lanczos", "center", "folder")


def _padded(picture: Tensor, width: int, height: int) -> Tensor:
    """The whole picture in the middle, black around it."""
    rows, columns = picture.shape[1:3]
    factor = min(width / columns, height / rows)
    new_width, new_height = max(1, round(columns * factor)), max(1, round(rows * factor))
    left, top = (width - new_width) // 2, (height - new_height) // 2
    padded = picture.new_zeros(1, height, width, 3)
    padded[:, top : top + new_height, left : left + new_width] = _stretched(picture, new_width, new_height)
    return padded


FITS: Mapping[str, Fit] = {"None": _unchanged, "Stretch": _stretched, "Crop": _cropped, "Pad": _padded}


#: The one that the frontend puts models in is always there.
FOLDERS = InputList(folders=(FOLDER,))


class FolderNode:
    """A node that reads what is in a folder of the input folder."""

    LISTS = MappingProxyType({"folder": FOLDERS})

    CATEGORY = "loaders"
    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_train"

    @classmethod
    def IS_CHANGED(cls, folder: str, **others: Any) -> list[str]:
        """Other pictures, or other names of them, are another result."""
        files = current_context().files
        return [f"{name} {files.stat_digest(name)}" for name in pictures_in(folder)]

    @classmethod
    def VALIDATE_INPUTS(cls, folder: str) -> bool | str:
        """Any folder with pictures may be named, listed or not."""
        try:
            return bool(pictures_in(folder)) or f"There are no pictures in the input folder {folder}"
        except InvalidArgument as error:
            return error.message


class LoadImageSetFromFolderNode(FolderNode):
    """All pictures in a folder of the input folder."""

    DISPLAY_NAME = "Load Image Dataset from Folder"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "load_images"
    DESCRIPTION = "Loads all pictures in a folder as one batch."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The folder, and how to bring the pictures to the size of the first."""
        return {
            "required": {"folder": (folders(), {"tooltip": "The folder with the pictures."})},
            "optional": {"resize_method": (list(FITS), {"default": "None"})},
        }

    def load_images(self, folder: str, resize_method: str = "None") -> tuple[Tensor]:
        """Return pictures (batch, height, width, 3) in the order of their names; of animations the first frame.

        Raises:
            ValueError: there are none, one is no picture or of another size, or they could not be held.
        """
        fit = chosen(FITS, resize_method, "resize_method")
        names = pictures_in(folder)
        if not names:
            raise ValueError(f"folder: there are no pictures in {folder!r}")
        return (torch.cat(list(fitted(names, fit))),)


def folders() -> list[str]:
    """The folders to choose from."""
    return environment().offered(FOLDERS)


def pictures_in(folder: str) -> list[FileName]:
    """The pictures in a folder of the input folder, in the order of their names.

    Raises:
        InvalidArgument: this cannot be the name of a folder.
    """
    validate_subfolder(folder)
    found = current_context().files.list_folder(FileKind.INPUT, folder)
    return [FileName(FileKind.INPUT, folder, name) for name in sorted(found) if PICTURES.fits(name)]


def fitted(names: Sequence[FileName], fit: Fit, size: tuple[int, int] | None = None) -> Iterator[Tensor]:
    """The pictures (1, height, width, 3) in a size (height, width), or in that of the first.

    Raises:
        ValueError: one is no picture, or they could not be held.
    """
    files = current_context().files
    if size is not None:
        check_size("width, height", len(names), *size, 3)
    for name in names:
        current_context().raise_if_interrupted()
        picture = read_picture(files.fetch(name), name.path)[0][:1]
        if size is None:
            size = picture.shape[1], picture.shape[2]
            check_size("folder", len(names), *size, 3)
        height, width = size
        yield picture if picture.shape[1:3] == size else fit(picture, width, height)


NODES: tuple[type, ...] = (LoadImageSetFromFolderNode,)
