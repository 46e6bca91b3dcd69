"""What `comfy_api.latest.ui` saves pictures and sound with: our own nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from torch import Tensor

from services.executor.custom.v3.inputs import FolderType
from services.executor.nodes import saving
from services.executor.nodes.animations import chunks_of, exif_of, save_apng, save_webp
from services.executor.nodes.filename_prefix import name_to_number
from services.executor.nodes.stored_files import store, workflow_texts
from services.executor.nodes.video.components import Audio
from services.executor.nodes.video.sound_files import sound_file
from services.files.records import FileKind

PNG_LEVEL = saving.SaveImage.compress_level


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


class Shown:
    """Something that a node shows."""

    def as_dict(self) -> dict[str, Any]:
        """What a node returns under "ui"."""
        raise NotImplementedError


class SavedImages(Shown):
    """Pictures that were saved."""

    def __init__(self, results: Sequence[Mapping[str, Any]], is_animated: bool = False) -> None:
        self.results = list(results)
        self.is_animated = is_animated

    def as_dict(self) -> dict[str, Any]:
        """What a node returns under "ui"."""
        shown: dict[str, Any] = {"images": self.results}
        return {**shown, "animated": (True,)} if self.is_animated else shown


class SavedAudios(Shown):
    """Sounds that were saved."""

    def __init__(self, results: Sequence[Mapping[str, Any]]) -> None:
        self.results = list(results)

    def as_dict(self) -> dict[str, Any]:
        """What a node returns under "ui"."""
        return {"audio": self.results}


class ImageSaveHelper:
    """Saves pictures (batch, height, width, channels) with the workflow inside, under numbered names."""

    @staticmethod
    def save_images(
        images: Tensor, filename_prefix: str, folder_type: FolderType | str, cls: Any, compress_level: int = PNG_LEVEL
    ) -> list[SavedResult]:
        """Save each picture."""
        node = saving.SaveImage()
        node.kind = _kind(folder_type)
        node.compress_level = compress_level
        return saved_by(node, images, filename_prefix, cls)

    @staticmethod
    def get_save_images_ui(
        images: Tensor, filename_prefix: str, cls: Any, compress_level: int = PNG_LEVEL
    ) -> SavedImages:
        """Save each picture among the results and show them."""
        return SavedImages(ImageSaveHelper.save_images(images, filename_prefix, FolderType.output, cls, compress_level))

    @staticmethod
    def save_animated_png(
        images: Tensor,
        filename_prefix: str,
        folder_type: FolderType | str,
        cls: Any,
        fps: float,
        compress_level: int = PNG_LEVEL,
    ) -> SavedResult:
        """Save all as one animation."""
        metadata = chunks_of(*_workflow(cls))
        saved = save_apng(_kind(folder_type), images, filename_prefix, fps, metadata, compress_level)
        return SavedResult(**saved)

    @staticmethod
    def get_save_animated_png_ui(
        images: Tensor, filename_prefix: str, cls: Any, fps: float, compress_level: int = PNG_LEVEL
    ) -> SavedImages:
        """Save all as one animation among the results and show it."""
        saved = ImageSaveHelper.save_animated_png(images, filename_prefix, FolderType.output, cls, fps, compress_level)
        return SavedImages([saved], is_animated=True)

    @staticmethod
    def save_animated_webp(
        images: Tensor,
        filename_prefix: str,
        folder_type: FolderType | str,
        cls: Any,
        fps: float,
        lossless: bool,
        quality: int,
        method: int,
    ) -> SavedResult:
        """Save all as one animation; `method` is how hard the encoder tries, 0 to 6."""
        exif = exif_of(*_workflow(cls))
        saved = save_webp(_kind(folder_type), images, filename_prefix, fps, exif, lossless, quality, method)
        return SavedResult(**saved)

    @staticmethod
    def get_save_animated_webp_ui(
        images: Tensor, filename_prefix: str, cls: Any, fps: float, lossless: bool, quality: int, method: int
    ) -> SavedImages:
        """Save all as one animation among the results and show it."""
        saved = ImageSaveHelper.save_animated_webp(
            images, filename_prefix, FolderType.output, cls, fps, lossless, quality, method
        )
        return SavedImages([saved], is_animated=len(images) > 1)


class AudioSaveHelper:
    """Saves sounds with the workflow inside, under numbered names."""

    @staticmethod
    def save_audio(
        audio: Audio,
        filename_prefix: str,
        folder_type: FolderType | str,
        cls: Any,
        format: str = "flac",
        quality: str = "128k",
    ) -> list[SavedResult]:
        """Save each sound of the batch as "flac", "mp3" or "opus".

        Raises:
            ValueError: unknown format or quality, or the sound is none that it can hold.
        """
        place = name_to_number(_kind(folder_type), filename_prefix, 0, 0, datetime.now())
        texts = workflow_texts(*_workflow(cls))
        saved = []
        for index in range(len(audio["waveform"])):
            data = sound_file(audio, index, format, quality, texts)
            saved.append(SavedResult(**store(place, f".{format}", data, index)))
        return saved

    @staticmethod
    def get_save_audio_ui(
        audio: Audio, filename_prefix: str, cls: Any, format: str = "flac", quality: str = "128k"
    ) -> SavedAudios:
        """Save each sound among the results and show them."""
        return SavedAudios(AudioSaveHelper.save_audio(audio, filename_prefix, FolderType.output, cls, format, quality))


def saved_by(node: saving.SaveImage, images: Tensor, prefix: str, cls: Any) -> list[SavedResult]:
    """What a node of ours saves for a node class that declares what it knows of the workflow."""
    prompt, extra_pnginfo = _workflow(cls)
    shown = node.save_images(images, prefix, prompt=prompt, extra_pnginfo=extra_pnginfo)
    return [SavedResult(**image) for image in shown["ui"]["images"]]


def _workflow(cls: Any) -> tuple[Any, Any]:
    hidden = getattr(cls, "hidden", None)
    return getattr(hidden, "prompt", None), getattr(hidden, "extra_pnginfo", None)


def _kind(folder_type: FolderType | str) -> FileKind:
    return FileKind(FolderType(folder_type).value)
