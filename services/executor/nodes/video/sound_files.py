"""Writes sound as files of their own."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, NamedTuple

from services.executor.nodes.declarations import chosen
from services.executor.nodes.video.components import Audio
from services.executor.nodes.video.encoding import sound_stream, write_sound, written

OPUS_RATES = frozenset({8000, 12000, 16000, 24000, 48000})  # samples a second
OPUS_RATE = 48000

#: The best quality that lets the bit rate vary.
VARIABLE = "V0"


class SoundFormat(NamedTuple):
    """How a file is written."""

    #: FFmpeg's names
    container: str
    encoder: str
    #: by what a user may ask for, bits a second; none for what loses nothing
    bit_rates: Mapping[str, int]


FORMATS = {
    "flac": SoundFormat("flac", "flac", {}),
    "mp3": SoundFormat("mp3", "libmp3lame", {VARIABLE: 0, "128k": 128_000, "320k": 320_000}),
    "opus": SoundFormat(
        "opus",
        "libopus",
        {"64k": 64_000, "96k": 96_000, "128k": 128_000, "192k": 192_000, "320k": 320_000},
    ),
}


def sound_file(audio: Audio, index: int, format: str, quality: str, metadata: Mapping[str, Any]) -> bytes:
    """One item of a batch of sounds as a file, with texts in it; `quality` is for those formats that lose something.

    Raises:
        ValueError: unknown format or quality, or the sound is none that it can hold.
    """
    kind = chosen(FORMATS, format, "format")
    bit_rate = chosen(kind.bit_rates, quality, "quality") if kind.bit_rates else 0
    rate = audio["sample_rate"]
    buffer = io.BytesIO()
    with written(buffer, kind.container, metadata) as container:
        allowed = kind.encoder != "libopus" or rate in OPUS_RATES
        stream = sound_stream(container, kind.encoder, audio, rate if allowed else OPUS_RATE)
        if bit_rate:
            stream.bit_rate = bit_rate
        elif kind.bit_rates:
            stream.codec_context.qscale = True  # at its default, which is the best
        write_sound(container, stream, audio["waveform"][index], rate)
    return buffer.getvalue()
