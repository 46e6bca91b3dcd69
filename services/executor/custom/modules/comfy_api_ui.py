"""`comfy_api.latest.ui`: what nodes show."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from services.executor.custom.modules.comfy_api_saving import (
    AudioSaveHelper,
    ImageSaveHelper,
    SavedAudios,
    SavedImages,
    SavedResult,
    Shown,
    saved_by,
)
from services.executor.custom.v3.inputs import FolderType
from services.executor.nodes import saving
from services.executor.nodes.video.components import Audio

__all__ = [
    "AudioSaveHelper",
    "FolderType",
    "ImageSaveHelper",
    "PreviewAudio",
    "PreviewImage",
    "PreviewMask",
    "PreviewText",
    "PreviewUI3D",
    "PreviewVideo",
    "SavedAudios",
    "SavedImages",
    "SavedResult",
]


class PreviewImage(Shown):
    """Pictures shown and not kept."""

    def __init__(self, image: Tensor, animated: bool = False, cls: Any = None, **options: Any) -> None:
        self.values = saved_by(saving.PreviewImage(), image, "", cls)
        self.animated = animated

    def as_dict(self) -> dict[str, Any]:
        """What a node returns under "ui"."""
        return {"images": self.values, "animated": (self.animated,)}


class PreviewMask(PreviewImage):
    """Masks (batch, height, width) shown as grey pictures."""

    def __init__(self, mask: Tensor, animated: bool = False, cls: Any = None, **options: Any) -> None:
        grey = mask.reshape(-1, *mask.shape[-2:], 1).expand(-1, -1, -1, 3)
        super().__init__(grey, animated, cls, **options)


class PreviewText(Shown):
    """A text."""

    def __init__(self, value: str, **options: Any) -> None:
        self.value = value

    def as_dict(self) -> dict[str, Any]:
        """What a node returns under "ui"."""
        return {"text": (self.value,)}


class PreviewVideo(Shown):
    """Videos that were saved."""

    def __init__(self, values: Sequence[Mapping[str, Any]], **options: Any) -> None:
        self.values = list(values)

    def as_dict(self) -> dict[str, Any]:
        """What a node returns under "ui"."""
        return {"images": self.values, "animated": (True,)}


class PreviewAudio(Shown):
    """Sounds played and not kept."""

    def __init__(self, audio: Audio, cls: Any = None, **options: Any) -> None:
        letters = "".join(random.SystemRandom().choices(saving.TEMPORARY_LETTERS, k=5))
        self.values = AudioSaveHelper.save_audio(audio, f"ComfyUI_temp_{letters}", FolderType.temp, cls)

    def as_dict(self) -> dict[str, Any]:
        """What a node returns under "ui"."""
        return {"audio": self.values}


class PreviewUI3D(Shown):
    """A 3D model, by its name in the output folder, and how to look at it."""

    def __init__(self, model_file: str, camera_info: Any = None, **options: Any) -> None:
        self.model_file = model_file
        self.camera_info = camera_info

    def as_dict(self) -> dict[str, Any]:
        """What a node returns under "ui"."""
        return {"result": [self.model_file, self.camera_info]}
