"""Reads pictures and sound from video files."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import Any

import numpy
import torch

from services.executor.engine.context import current_context
from services.executor.nodes.limits import check_size
from services.executor.nodes.video.components import Audio, VideoComponents
from services.executor.nodes.video.library import Target, opened, pyav

#: Frames a second of a file that does not say.
UNKNOWN_RATE = Fraction(24)


def read_video(source: Target, name: str) -> VideoComponents:
    """Decode a file; `name` is what errors call it.

    Raises:
        ValueError: it is no video or damaged, or what is in it could not be held.
        Interrupted: the run was asked to stop.
    """
    with opened(source, name) as container:
        video = container.streams.video[0]
        video.thread_type = "AUTO"
        pictures = _Pictures(name)
        sound = _Sound(name, container.streams.audio[0]) if container.streams.audio else None
        streams = [video, *([container.streams.audio[0]] if sound else [])]
        for packet in container.demux(streams):
            _raise_if_interrupted()
            for frame in packet.decode():
                if packet.stream is video:
                    pictures.add(frame)
                elif sound:
                    sound.add(frame)
        return VideoComponents(
            images=pictures.result(),
            frame_rate=rate_of(video),
            audio=sound.result() if sound else None,
            metadata=dict(container.metadata),
        )


def rate_of(stream: Any) -> Fraction:
    """Frames a second of a stream of pictures."""
    return Fraction(stream.average_rate or stream.guessed_rate or UNKNOWN_RATE)


class _Pictures:
    """Frames in the size of the first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._frames: list[torch.Tensor] = []

    def add(self, frame: Any) -> None:
        height, width = self._frames[0].shape[:2] if self._frames else (frame.height, frame.width)
        check_size(self._name, len(self._frames) + 1, height, width, 3)
        pixels = frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
        self._frames.append(torch.from_numpy(pixels))

    def result(self) -> torch.Tensor:
        if not self._frames:
            raise ValueError(f"{self._name} holds no pictures")
        images = torch.empty(len(self._frames), *self._frames[0].shape)
        for index, frame in enumerate(self._frames):
            torch.div(frame, 255, out=images[index])
        return images


class _Sound:
    """Samples of all channels."""

    def __init__(self, name: str, stream: Any) -> None:
        self._name = name
        self._rate = int(stream.rate)
        self._channels = int(stream.channels)
        self._resampler = pyav().AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
        self._parts: list[Any] = []
        self._count = 0

    def add(self, frame: Any) -> None:
        for part in self._resampler.resample(frame):
            samples = part.to_ndarray()
            self._count += samples.shape[1]
            check_size(self._name, self._channels, self._count)
            self._parts.append(samples)

    def result(self) -> Audio | None:
        self.add(None)
        if not self._count:
            return None
        waveform = torch.from_numpy(numpy.concatenate(self._parts, axis=1)).unsqueeze(0)
        return {"waveform": waveform, "sample_rate": self._rate}


def _raise_if_interrupted() -> None:
    with contextlib.suppress(LookupError):  # packs may read videos where no node runs
        current_context().raise_if_interrupted()
