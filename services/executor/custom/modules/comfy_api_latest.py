"""`comfy_api.latest` and the versions before it: progress, and extensions declared by schemas."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from torch import Tensor

from services.executor.custom.modules import (
    comfy_api_input,
    comfy_api_io,
    comfy_api_ui,
    comfy_api_video,
    comfy_extras_hunyuan3d,
)
from services.executor.custom.modules.progress_bar import Preview, report
from services.executor.custom.v3.extension import ComfyExtension
from services.executor.custom.v3.pictures import pillow_of
from services.executor.previews.choice import LARGEST_SIDE

__all__ = ["IO", "UI", "ComfyAPI", "ComfyAPISync", "ComfyExtension", "Input", "InputImpl", "Types", "comfy_io"]

#: Other names of `io` and `ui`.
comfy_io = IO = comfy_api_io
UI = comfy_api_ui

#: Names of what flows between nodes.
Input = SimpleNamespace(
    Image=comfy_api_input.ImageInput,
    Mask=comfy_api_input.MaskInput,
    Audio=comfy_api_input.AudioInput,
    Latent=comfy_api_input.LatentInput,
    Video=comfy_api_input.VideoInput,
)

#: Videos that packs can make.
InputImpl = SimpleNamespace(
    VideoFromFile=comfy_api_video.VideoFromFile,
    VideoFromComponents=comfy_api_video.VideoFromComponents,
)

#: What else such values consist of.
Types = SimpleNamespace(
    VideoCodec=comfy_api_video.VideoCodec,
    VideoContainer=comfy_api_video.VideoContainer,
    VideoComponents=comfy_api_video.VideoComponents,
    MESH=comfy_extras_hunyuan3d.MESH,
    VOXEL=comfy_extras_hunyuan3d.VOXEL,
)


class _Execution:
    async def set_progress(
        self,
        value: float,
        max_value: float,
        node_id: str | None = None,
        preview_image: Any = None,
        ignore_size_limit: bool = False,
    ) -> None:
        _set_progress(value, max_value, preview_image)


class _ExecutionSync:
    def set_progress(
        self,
        value: float,
        max_value: float,
        node_id: str | None = None,
        preview_image: Any = None,
        ignore_size_limit: bool = False,
    ) -> None:
        _set_progress(value, max_value, preview_image)


class ComfyAPI:
    """What nodes may ask of the platform, as coroutines."""

    VERSION = "latest"

    def __init__(self) -> None:
        self.execution = _Execution()


class ComfyAPISync:
    """What nodes may ask of the platform."""

    def __init__(self) -> None:
        self.execution = _ExecutionSync()


def _set_progress(value: float, max_value: float, picture: Any) -> None:
    report(value, max_value, None if picture is None else _as_preview(picture))


def _as_preview(picture: Any) -> Preview:
    """A ProgressBar's preview of a Pillow picture or of a tensor (height, width, channels), perhaps in a batch."""
    return "JPEG", pillow_of(picture) if isinstance(picture, Tensor) else picture, LARGEST_SIDE
