"""Nodes between videos, pictures and files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from torch import Tensor

from services.errors import InvalidArgument
from services.executor.engine.context import current_context
from services.executor.environment import environment
from services.executor.nodes.declarations import number
from services.executor.nodes.filename_prefix import name_to_number
from services.executor.nodes.saving import HIDDEN
from services.executor.nodes.schema_node import SchemaNode, combo
from services.executor.nodes.stored_files import store, workflow_texts
from services.executor.nodes.video.components import (
    Audio,
    VideoCodec,
    VideoComponents,
    VideoContainer,
    frame_rate_of,
)
from services.executor.nodes.video.interface import Video
from services.executor.nodes.video.sources import VideoFromComponents, VideoFromFile
from services.files.names import parse_annotated
from services.files.records import FileKind
from services.graph.input_lists import VIDEOS


class VideoNode(SchemaNode):
    """A node of videos."""

    FUNCTION = "execute"
    CATEGORY = "image/video"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_video"
    RETURN_TYPES: tuple[str, ...] = ("VIDEO",)


class CreateVideo(VideoNode):
    """A video of pictures."""

    DISPLAY_NAME = "Create Video"
    DESCRIPTION = "Makes a video of pictures that follow each other."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, how many there are a second, and what is heard with them."""
        images = ("IMAGE", {"tooltip": "The pictures, in their order."})
        audio = ("AUDIO", {"tooltip": "What is heard with them."})
        return {"required": {"images": images, "fps": number(30.0, 1.0, 120.0, 1.0)}, "optional": {"audio": audio}}

    def execute(self, images: Tensor, fps: float, audio: Audio | None = None) -> tuple[Video]:
        """Return the video.

        Raises:
            ValueError: there are no frames in a second.
        """
        return (VideoFromComponents(VideoComponents(images, frame_rate_of(fps), audio)),)


class GetVideoComponents(VideoNode):
    """What a video consists of."""

    DISPLAY_NAME = "Get Video Components"
    DESCRIPTION = "Takes a video apart: its pictures, its sound, and how many pictures there are a second."
    RETURN_TYPES = ("IMAGE", "AUDIO", "FLOAT")
    RETURN_NAMES = ("images", "audio", "fps")
    OUTPUT_TOOLTIPS = (None, None, None)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The video."""
        return {"required": {"video": ("VIDEO", {"tooltip": "The video to take apart."})}}

    def execute(self, video: Video) -> tuple[Tensor, Audio | None, float]:
        """Return pictures (frames, height, width, 3), the sound (None for a silent video), and frames a second.

        Raises:
            ValueError: it cannot be read, or could not be held.
        """
        components = video.get_components()
        return components.images, components.audio, float(components.frame_rate)


class LoadVideo(VideoNode):
    """A video from the input folder."""

    DISPLAY_NAME = "Load Video"
    CHANGES_WITH = ("file",)
    LISTS = MappingProxyType({"file": VIDEOS})

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The video's name."""
        kind, options = combo(*environment().offered(VIDEOS))
        return {"required": {"file": (kind, {**options, "video_upload": True})}}

    def execute(self, file: str) -> tuple[Video]:
        """Return the video, of which nothing is read yet but the beginning.

        Raises:
            NotFound: there is no such file.
            ValueError: it is no video.
        """
        files, name = current_context().files, parse_annotated(file)
        video = VideoFromFile(lambda: files.fetch(name), file)
        video.get_container_format()
        return (video,)

    @classmethod
    def IS_CHANGED(cls, file: str) -> str:
        """Another content is another result; the same content under a new date is not."""
        return current_context().files.stat_digest(parse_annotated(file))

    @classmethod
    def VALIDATE_INPUTS(cls, file: str) -> bool | str:
        """Any file that exists may be named, listed or not."""
        try:
            exists = current_context().files.exists(parse_annotated(file))
        except InvalidArgument:
            exists = False
        return exists or f"Invalid video file: {file}"


class SaveVideo(VideoNode):
    """A video kept in the output folder."""

    DISPLAY_NAME = "Save Video"
    DESCRIPTION = "Saves the video to the output folder, with the workflow inside."
    RETURN_TYPES = ()
    OUTPUT_TOOLTIPS = ()
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The video, what its name begins with, and how to write it."""
        prefix = {
            "default": "video/ComfyUI",
            "multiline": False,
            "tooltip": "What the file's name begins with. Subfolders and tokens such as %width% or %year% may be used.",
        }
        return {
            "required": {
                "video": ("VIDEO", {"tooltip": "The video to save."}),
                "filename_prefix": ("STRING", prefix),
                "format": combo(*VideoContainer.as_input(), default=VideoContainer.AUTO.value),
                "codec": combo(*VideoCodec.as_input(), default=VideoCodec.AUTO.value),
            },
            "hidden": HIDDEN,
        }

    def execute(
        self,
        video: Video,
        filename_prefix: str,
        format: str,
        codec: str,
        prompt: object = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Store the video with the workflow inside and say under which name.

        Raises:
            InvalidArgument: the prefix leads out of the folder.
            ValueError: unknown format or codec, or the video cannot be written.
        """
        if format not in VideoContainer.as_input():
            raise ValueError(f"format: {format!r} is not one of {', '.join(VideoContainer)}")
        buffer = io.BytesIO()
        place = name_to_number(FileKind.OUTPUT, filename_prefix, *video.get_dimensions(), datetime.now())
        video.save_to(buffer, format=format, codec=codec, metadata=workflow_texts(prompt, extra_pnginfo))
        extension = f".{VideoContainer.get_extension(format)}"
        return shown_video(store(place, extension, buffer.getvalue()))


def shown_video(saved: Mapping[str, str]) -> dict[str, Any]:
    """What a node returns to show a video that was saved."""
    return {"ui": {"images": [saved], "animated": (True,)}}


NODES: tuple[type, ...] = (CreateVideo, GetVideoComponents, LoadVideo, SaveVideo)
