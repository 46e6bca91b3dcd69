"""`comfy_api.latest.ui`: what nodes show, saved through our own nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from services.executor.custom.v3.inputs import FolderType
from services.executor.nodes import saving
from services.files.records import FileKind


class SavedResult(dict[str, Any]):
    """A file that was saved."""

    def __init__(self, filename: str, subfolder: str, type: FolderType | str) -> None:
        super().__init__(filename=filename, subfolder=subfolder, type=FolderType(type).value)

    @property
    def filename(self) -> str:
        """Its name."""
        return str(self["filename"])

    @property
    def subfolder(self) -> str:
        """Its folder below that of its type."""
        return str(self["subfolder"])

    @property
    def type(self) -> FolderType:
        """Where it is."""
        return FolderType(self["type"])


class _Shown:
    """Something that a node shows."""

    def as_dict(self) -> dict[str, Any]:
        raise NotImplementedError


class SavedImages(_Shown):
    """Pictures that were saved."""

    def __init__(self, results: Sequence[Mapping[str, Any]], is_animated: bool = False) -> None:
        self.results = list(results)
        self.is_animated = is_animated

    def as_dict(self) -> dict[str, Any]:
        """What a node returns under "ui"."""
        shown: dict[str, Any] = {"images": self.results}
        return {**shown, "animated": (True,)} if self.is_animated else shown


class PreviewImage(_Shown):
    """Pictures shown and not kept."""

    def __init__(self, image: Tensor, animated: bool = False, cls: Any = None, **options: Any) -> None:
        self.values = _saved(saving.PreviewImage(), image, "", cls)
        self.animated = animated

    def as_dict(self) -> dict[str, Any]:
        """What a node returns under "ui"."""
        return {"images": self.values, "animated": (self.animated,)}


class PreviewMask(PreviewImage):
    """Masks (batch, height, width) shown as grey pictures."""

    def __init__(self, mask: Tensor, animated: bool = False, cls: Any = None, **options: Any) -> None:
        grey = mask.reshape(-1, *mask.shape[-2:], 1).expand(-1, -1, -1, 3)
        super().__init__(grey, animated, cls, **options)


class PreviewText(_Shown):
    """A text."""

    def __init__(self, value: str, **options: Any) -> None:
        self.value = value

    def as_dict(self) -> dict[str, Any]:
        """What a node returns under "ui"."""
        return {"text": (self.value,)}


class PreviewVideo(_Shown):
    """Videos that were saved."""

    def __init__(self, values: Sequence[Mapping[str, Any]], **options: Any) -> None:
        self.values = list(values)

    def as_dict(self) -> dict[str, Any]:
        """What a node returns under "ui"."""
        return {"images": self.values, "animated": (True,)}


class ImageSaveHelper:
    """Saves pictures with the workflow inside."""

    @staticmethod
    def save_images(
        images: Tensor,
        filename_prefix: str,
        folder_type: FolderType | str,
        cls: Any,
        compress_level: int = saving.SaveImage.compress_level,
    ) -> list[SavedResult]:
        """Save pictures (batch, height, width, channels) under numbered names."""
        node = saving.SaveImage()
        node.kind = FileKind(FolderType(folder_type).value)
        node.compress_level = compress_level
        return _saved(node, images, filename_prefix, cls)

    @staticmethod
    def get_save_images_ui(
        images: Tensor, filename_prefix: str, cls: Any, compress_level: int = saving.SaveImage.compress_level
    ) -> SavedImages:
        """Save pictures among the results and show them."""
        saved = ImageSaveHelper.save_images(images, filename_prefix, FolderType.output, cls, compress_level)
        return SavedImages(saved)


def _saved(node: saving.SaveImage, images: Tensor, prefix: str, cls: Any) -> list[SavedResult]:
    hidden = getattr(cls, "hidden", None)
    shown = node.save_images(
        images, prefix, prompt=getattr(hidden, "prompt", None), extra_pnginfo=getattr(hidden, "extra_pnginfo", None)
    )
    return [SavedResult(**image) for image in shown["ui"]["images"]]
