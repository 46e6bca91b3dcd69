"""Videos made of pictures, and videos in files."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from services.executor.nodes.video.components import VideoCodec, VideoComponents, VideoContainer
from services.executor.nodes.video.decoding import rate_of, read_video
from services.executor.nodes.video.encoding import MP4_OPTIONS, write_mp4, written
from services.executor.nodes.video.interface import Video
from services.executor.nodes.video.library import Target, opened

#: Names that FFmpeg has for what an MP4 may hold and browsers play.
MP4_VIDEO = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4"})
MP4_AUDIO = frozenset({"aac", "mp3", "opus", "ac3", "flac", "alac"})

MICROSECONDS = 1_000_000  # FFmpeg's unit of a file's duration


class VideoFromComponents(Video):
    """A video of pictures that are there."""

    def __init__(self, components: VideoComponents) -> None:
        self._components = components

    def get_components(self) -> VideoComponents:
        """The pictures and the sound."""
        return self._components

    def save_to(
        self,
        path: Target,
        format: VideoContainer | str = VideoContainer.AUTO,
        codec: VideoCodec | str = VideoCodec.AUTO,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Write an MP4.

        Raises:
            ValueError: unknown format or codec, or the pictures or the sound cannot be written.
        """
        _checked(format, codec)
        write_mp4(self._components, path, {**(self._components.metadata or {}), **(metadata or {})})


class VideoFromFile(Video):
    """A video in a file, given by its path or its bytes; it is read when something of it is wanted.

    Args:
        file: a path, bytes, or what returns one of them whenever the file is read.
        name: what errors call it.
    """

    def __init__(self, file: str | Path | io.BytesIO | Callable[[], Path], name: str = "video") -> None:
        self._file = file
        self._name = name

    def get_stream_source(self) -> str | io.BytesIO:
        """The path, or the bytes from their beginning."""
        if isinstance(self._file, io.BytesIO):
            self._file.seek(0)
            return self._file
        return str(self._file() if callable(self._file) else self._file)

    def get_components(self) -> VideoComponents:
        """The pictures and the sound.

        Raises:
            ValueError: it is no video or damaged, or what is in it could not be held.
        """
        return read_video(self.get_stream_source(), self._name)

    def get_dimensions(self) -> tuple[int, int]:
        """Width and height in pixels."""
        with opened(self.get_stream_source(), self._name) as container:
            stream = container.streams.video[0]
            return stream.width, stream.height

    def get_frame_rate(self) -> Fraction:
        """Frames a second."""
        with opened(self.get_stream_source(), self._name) as container:
            return rate_of(container.streams.video[0])

    def get_frame_count(self) -> int:
        """How many frames there are; those of a file that does not say are counted."""
        with opened(self.get_stream_source(), self._name) as container:
            stream = container.streams.video[0]
            return stream.frames or sum(1 for packet in container.demux(stream) if packet.size)

    def get_duration(self) -> float:
        """Seconds, as the file says, or as many as its frames last."""
        with opened(self.get_stream_source(), self._name) as container:
            if container.duration:
                return container.duration / MICROSECONDS
        return super().get_duration()

    def get_container_format(self) -> str:
        """FFmpeg's name of the file format, such as "mov,mp4,m4a,3gp,3g2,mj2"."""
        with opened(self.get_stream_source(), self._name) as container:
            return container.format.name

    def save_to(
        self,
        path: Target,
        format: VideoContainer | str = VideoContainer.AUTO,
        codec: VideoCodec | str = VideoCodec.AUTO,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Write an MP4: what is in the file as it is where an MP4 may hold it, otherwise encoded anew.

        Raises:
            ValueError: unknown format or codec, it is no video or damaged, or it cannot be written.
        """
        _checked(format, codec)
        if self._can_stay(VideoCodec(codec)):
            self._copy(path, metadata)
        else:
            VideoFromComponents(self.get_components()).save_to(path, format, codec, metadata)

    def _can_stay(self, codec: VideoCodec) -> bool:
        allowed = MP4_VIDEO if codec is VideoCodec.AUTO else {codec.value}
        with opened(self.get_stream_source(), self._name) as container:
            sounds = {stream.codec_context.name for stream in container.streams.audio}
            return container.streams.video[0].codec_context.name in allowed and sounds <= MP4_AUDIO

    def _copy(self, path: Target, metadata: Mapping[str, Any] | None) -> None:
        with opened(self.get_stream_source(), self._name) as container:
            texts = {**container.metadata, **(metadata or {})}
            with written(path, VideoContainer.MP4.value, texts, **MP4_OPTIONS) as copy:
                streams = [container.streams.video[0], *container.streams.audio]
                places = {stream: copy.add_stream_from_template(stream) for stream in streams}
                for packet in container.demux(streams):
                    if packet.dts is not None:  # the last one of a stream is empty
                        packet.stream = places[packet.stream]
                        copy.mux(packet)


def _checked(format: str, codec: str) -> None:
    if format not in VideoContainer.as_input():
        raise ValueError(f"format: {format!r} is not one of {', '.join(VideoContainer)}")
    if codec not in VideoCodec.as_input():
        raise ValueError(f"codec: {codec!r} is not one of {', '.join(VideoCodec)}")
