"""The node that stores pictures as a WebM video."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from torch import Tensor

from services.executor.nodes.declarations import IMAGE, chosen, number
from services.executor.nodes.filename_prefix import name_to_number
from services.executor.nodes.saving import HIDDEN
from services.executor.nodes.schema_node import combo
from services.executor.nodes.stored_files import store, workflow_texts
from services.executor.nodes.video.components import frame_rate_of
from services.executor.nodes.video.encoding import video_stream, write_frames, written
from services.executor.nodes.videos import VideoNode, shown_video
from services.files.records import FileKind


class Encoder(NamedTuple):
    """How a codec is written."""

    #: FFmpeg's name of the encoder
    name: str
    #: FFmpeg's name of how pixels are stored
    pixel_format: str
    options: Mapping[str, str]


ENCODERS = {
    "vp9": Encoder("libvpx-vp9", "yuv420p", {}),
    "av1": Encoder("libsvtav1", "yuv420p10le", {"preset": "6"}),
}


class SaveWEBM(VideoNode):
    """A batch kept as a WebM video."""

    RETURN_TYPES = ()
    OUTPUT_TOOLTIPS = ()
    OUTPUT_NODE = True
    EXPERIMENTAL = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, what the name begins with, the codec, frames a second, and how much may be lost."""
        crf = {**number(32.0, 0, 63.0, 1)[1], "tooltip": "More is smaller and worse."}
        return {
            "required": {
                "images": IMAGE,
                "filename_prefix": ("STRING", {"default": "ComfyUI", "multiline": False}),
                "codec": combo(*ENCODERS),
                "fps": number(24.0, 0.01, 1000.0, 0.01),
                "crf": ("FLOAT", crf),
            },
            "hidden": HIDDEN,
        }

    def execute(
        self,
        images: Tensor,
        codec: str,
        fps: float,
        filename_prefix: str,
        crf: float,
        prompt: object = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Store one file with the workflow inside and say under which name.

        Raises:
            InvalidArgument: the prefix leads out of the folder.
            ValueError: unknown codec, there are no pictures, or the encoder refuses them.
        """
        encoder = chosen(ENCODERS, codec, "codec")
        height, width = images.shape[1:3]
        place = name_to_number(FileKind.OUTPUT, filename_prefix, width, height, datetime.now())
        buffer = io.BytesIO()
        with written(buffer, "webm", workflow_texts(prompt, extra_pnginfo)) as container:
            options = {"crf": str(round(crf)), **encoder.options}
            stream = video_stream(container, encoder.name, images, frame_rate_of(fps), encoder.pixel_format, **options)
            stream.bit_rate = 0  # the quality alone decides
            write_frames(container, stream, images)
        return shown_video(store(place, ".webm", buffer.getvalue()))


NODES: tuple[type, ...] = (SaveWEBM,)
