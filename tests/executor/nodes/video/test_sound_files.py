"""Sound as files of its own."""

from __future__ import annotations

import io
import json

import av
import pytest
import torch

from services.executor.nodes.video.components import Audio
from services.executor.nodes.video.sound_files import sound_file

RATE = 44100


def tones(rate: int = RATE, channels: int = 2) -> Audio:
    """Two sounds of half a second, the second silent."""
    times = torch.arange(rate // 2) / rate
    tone = (440 * 2 * torch.pi * times).sin().repeat(channels, 1) / 2
    return {"waveform": torch.stack((tone, torch.zeros_like(tone))), "sample_rate": rate}


def heard(data: bytes) -> tuple[torch.Tensor, int, dict[str, str]]:
    """The waveform (channels, samples), its rate, and the texts in the file."""
    with av.open(io.BytesIO(data), mode="r") as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
        parts = [part.to_ndarray() for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        texts = {**container.metadata, **stream.metadata}
        return torch.cat([torch.from_numpy(part) for part in parts], dim=1), stream.rate, texts


@pytest.mark.parametrize(
    ("kind", "quality", "tolerance"), [("flac", "128k", 1e-4), ("mp3", "320k", 0.05), ("mp3", "V0", 0.05)]
)
def test_a_sound_is_heard_again(kind: str, quality: str, tolerance: float) -> None:
    waveform, rate, texts = heard(sound_file(tones(), 0, kind, quality, {"prompt": {"a": 1}}))
    assert rate == RATE
    assert json.loads(texts["prompt"]) == {"a": 1}
    middle = slice(RATE // 8, RATE // 4)
    torch.testing.assert_close(waveform[:, middle], tones()["waveform"][0][:, middle], atol=tolerance, rtol=0)


def test_each_sound_of_a_batch_is_its_own_file() -> None:
    assert not heard(sound_file(tones(), 1, "flac", "", {}))[0].any()


@pytest.mark.parametrize(("rate", "expected"), [(RATE, 48000), (16000, 16000)])
def test_opus_has_rates_of_its_own(rate: int, expected: int) -> None:
    waveform, found, texts = heard(sound_file(tones(rate, channels=1), 0, "opus", "96k", {"prompt": {"a": 1}}))
    assert json.loads(texts["prompt"]) == {"a": 1}
    assert waveform.shape[0] == 1
    assert found in (expected, 48000)  # decoders tell the rate that they decode to
    assert waveform.shape[1] / found == pytest.approx(0.5, abs=0.05)
    assert float(waveform.abs().max()) == pytest.approx(0.5, abs=0.1)


def test_a_lower_bit_rate_makes_a_smaller_file() -> None:
    noise: Audio = {"waveform": torch.rand(1, 2, RATE) - 0.5, "sample_rate": RATE}
    assert len(sound_file(noise, 0, "opus", "64k", {})) < len(sound_file(noise, 0, "opus", "320k", {})) / 2
    assert len(sound_file(noise, 0, "mp3", "128k", {})) < len(sound_file(noise, 0, "mp3", "V0", {}))


def test_what_cannot_be_written_is_named() -> None:
    with pytest.raises(ValueError, match="^format: 'wma' is not one of flac, mp3, opus"):
        sound_file(tones(), 0, "wma", "128k", {})
    with pytest.raises(ValueError, match="^quality: '1k' is not one of V0, 128k, 320k"):
        sound_file(tones(), 0, "mp3", "1k", {})
    with pytest.raises(ValueError, match="^audio: 7 channels cannot be written"):
        sound_file(tones(channels=7), 0, "flac", "", {})
