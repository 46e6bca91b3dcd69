"""The interface of VIDEO values, which node packs know as well."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from services.executor.nodes.video.components import VideoCodec, VideoComponents, VideoContainer
from services.executor.nodes.video.library import Target


class Video(ABC):
    """What flows between nodes as VIDEO."""

    @abstractmethod
    def get_components(self) -> VideoComponents:
        """The pictures and the sound.

        Raises:
            ValueError: they cannot be read, or could not be held.
        """

    @abstractmethod
    def save_to(
        self,
        path: Target,
        format: VideoContainer | str = VideoContainer.AUTO,
        codec: VideoCodec | str = VideoCodec.AUTO,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a file, with texts in it; what is no text among `metadata` is written as JSON.

        Raises:
            ValueError: this video cannot be written so.
        """

    def get_stream_source(self) -> str | io.BytesIO:
        """A file to read the video from: a path, or its bytes."""
        buffer = io.BytesIO()
        self.save_to(buffer)
        buffer.seek(0)
        return buffer

    def get_dimensions(self) -> tuple[int, int]:
        """Width and height in pixels."""
        images = self.get_components().images
        return int(images.shape[2]), int(images.shape[1])

    def get_frame_rate(self) -> Fraction:
        """Frames a second."""
        return Fraction(self.get_components().frame_rate)

    def get_frame_count(self) -> int:
        """How many frames there are."""
        return len(self.get_components().images)

    def get_duration(self) -> float:
        """Seconds."""
        return float(self.get_frame_count() / self.get_frame_rate())

    def get_container_format(self) -> str:
        """FFmpeg's name of the file format."""
        return VideoContainer.MP4.value
