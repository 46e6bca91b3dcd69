"""What a video consists of, and what it can be written as."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypedDict

from torch import Tensor


class Audio(TypedDict):
    """What flows between nodes as AUDIO."""

    #: (batch, channels, samples), values in -1..1
    waveform: Tensor
    #: samples a second
    sample_rate: int


@dataclass
class VideoComponents:
    """Pictures that follow each other, and what is heard with them.

    Attributes:
        images: (frames, height, width, channels), values in 0..1.
        frame_rate: frames a second.
        audio: a batch of one; it begins with the first picture.
        metadata: texts that the file held.
    """

    images: Tensor
    frame_rate: Fraction
    audio: Audio | None = None
    metadata: Mapping[str, Any] | None = None


class VideoContainer(enum.StrEnum):
    """A file format."""

    AUTO = "auto"
    MP4 = "mp4"

    @classmethod
    def as_input(cls) -> list[str]:
        """What can be chosen."""
        return [member.value for member in cls]

    @classmethod
    def get_extension(cls, value: VideoContainer | str) -> str:
        """How the names of files in this format end, without a dot.

        Raises:
            ValueError: there is no such format.
        """
        return (cls.MP4 if cls(value) is cls.AUTO else cls(value)).value


class VideoCodec(enum.StrEnum):
    """How the pictures are compressed."""

    AUTO = "auto"
    H264 = "h264"

    @classmethod
    def as_input(cls) -> list[str]:
        """What can be chosen."""
        return [member.value for member in cls]


def frame_rate_of(fps: float) -> Fraction:
    """Frames a second as files hold them, to a thousandth.

    Raises:
        ValueError: it is not above zero.
    """
    rate = Fraction(round(fps * 1000), 1000)
    if rate <= 0:
        raise ValueError(f"fps: there must be more than {fps:g} frames a second")
    return rate
