"""Writes pictures and sound as video files."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from services.executor.engine.context import current_context
from services.executor.nodes.video.components import Audio, VideoComponents
from services.executor.nodes.video.library import Target, pyav

if TYPE_CHECKING:
    import av.container

#: FFmpeg's names of how loudspeakers are placed, by their number.
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}

#: Lets an MP4 hold texts under any key.
MP4_OPTIONS = {"movflags": "use_metadata_tags"}


@contextmanager
def written(
    target: Target, container_format: str, metadata: Mapping[str, Any] | None = None, **options: str
) -> Iterator[av.container.OutputContainer]:
    """A video file to write to, with texts in it; what the encoder cannot do is a ValueError.

    Raises:
        ValueError: an encoder refuses what it is given.
    """
    av = pyav()
    try:
        with av.open(target, mode="w", format=container_format, options=options) as container:
            for key, value in (metadata or {}).items():
                container.metadata[key] = value if isinstance(value, str) else json.dumps(value)
            yield container
    except av.FFmpegError as error:
        raise ValueError(f"video: the encoder cannot write this: {error.strerror}") from error


def video_stream(
    container: av.container.OutputContainer,
    encoder: str,
    images: Tensor,
    frame_rate: Fraction,
    pixel_format: str = "yuv420p",
    **options: str,
) -> Any:
    """A stream for pictures (frames, height, width, channels); `options` are the encoder's own."""
    stream: Any = container.add_stream(encoder, rate=frame_rate, options=options)
    stream.height, stream.width = images.shape[1:3]
    stream.pix_fmt = pixel_format
    return stream


def write_mp4(components: VideoComponents, target: Target, metadata: Mapping[str, Any] | None = None) -> None:
    """Write an MP4 of H.264 and, where there is sound, AAC as long as the pictures.

    Raises:
        ValueError: there are no pictures, their sides are odd, or the sound is none that AAC can hold.
    """
    images = components.images
    height, width = _checked(images).shape[1:3]
    if height % 2 or width % 2:
        raise ValueError(f"video: H.264 needs even sides, the pictures have {width} x {height} pixels")
    with written(target, "mp4", metadata, **MP4_OPTIONS) as container:
        pictures = video_stream(container, "libx264", images, components.frame_rate)
        audio = components.audio
        sound = None if audio is None else sound_stream(container, "aac", audio)
        write_frames(container, pictures, images)
        if audio is not None and sound is not None:
            samples = math.ceil(len(images) / components.frame_rate * audio["sample_rate"])
            write_sound(container, sound, audio["waveform"][0, :, :samples], audio["sample_rate"])


def write_frames(container: av.container.OutputContainer, stream: Any, images: Tensor) -> None:
    """Encode pictures (frames, height, width, 3 or 4 channels, which of the alpha is left out).

    Raises:
        Interrupted: the run was asked to stop.
    """
    for image in _checked(images):
        _raise_if_interrupted()
        pixels = (image[..., :3].detach().float().nan_to_num(0.0).clamp(0, 1) * 255).to(torch.uint8).cpu().numpy()
        frame = pyav().VideoFrame.from_ndarray(pixels, format="rgb24")
        container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
    container.mux(stream.encode(None))


def _checked(images: Tensor) -> Tensor:
    if images.ndim != 4 or images.shape[-1] not in (3, 4):
        raise ValueError(f"images: expected (frames, height, width, 3 or 4 channels), got {tuple(images.shape)}")
    if len(images) == 0:
        raise ValueError("images: the batch is empty")
    return images


def sound_stream(container: av.container.OutputContainer, encoder: str, audio: Audio, rate: int | None = None) -> Any:
    """A stream for sound, at its own rate or at another.

    Raises:
        ValueError: it has as many channels as no loudspeakers are placed for.
    """
    channels = audio["waveform"].shape[1]
    if channels not in LAYOUTS:
        raise ValueError(f"audio: {channels} channels cannot be written, only {', '.join(map(str, LAYOUTS))}")
    return container.add_stream(encoder, rate=rate or audio["sample_rate"], layout=LAYOUTS[channels])


def write_sound(container: av.container.OutputContainer, stream: Any, waveform: Tensor, sample_rate: int) -> None:
    """Encode sound (channels, samples).

    Raises:
        Interrupted: the run was asked to stop.
    """
    waveform = waveform.detach().float().nan_to_num(0.0).cpu()
    for start, part in _parts(waveform, sample_rate):
        _raise_if_interrupted()
        frame = pyav().AudioFrame.from_ndarray(part.numpy(), format="fltp", layout=LAYOUTS[len(waveform)])
        frame.sample_rate, frame.pts = sample_rate, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _parts(waveform: Tensor, length: int) -> Iterable[tuple[int, Tensor]]:
    for start in range(0, waveform.shape[1], length):
        yield start, waveform[:, start : start + length].contiguous()


def _raise_if_interrupted() -> None:
    with contextlib.suppress(LookupError):  # packs may write videos where no node runs
        current_context().raise_if_interrupted()
