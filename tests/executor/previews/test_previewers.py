from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from services.errors import InvalidArgument
from services.executor.diffusion.checkpoints.taesd import taesd_decoder
from services.executor.diffusion.latent_format import SD1_LATENTS, SDXL_LATENTS, LatentFormat
from services.executor.diffusion.preview import decoded_preview, latent_preview
from services.executor.model_folders import ModelFolders
from services.executor.previews.choice import PreviewMethod, PreviewSettings, asked_for, preview_settings
from services.executor.previews.previewers import Previewer, Previewers
from tests.executor.diffusion.tiny import decoder_weights, save_decoder

CPU = torch.device("cpu")
LATENT = torch.randn(2, 4, 4, 3, generator=torch.Generator().manual_seed(0))


def previewers(models: Path, method: PreviewMethod = PreviewMethod.AUTO) -> Previewers:
    return Previewers(ModelFolders((models,)), PreviewSettings(method))


def is_by_cells(show: Previewer | None, latent_format: LatentFormat = SD1_LATENTS) -> bool:
    assert show is not None
    return show(LATENT).tobytes() == latent_preview(LATENT, latent_format).tobytes()


@pytest.mark.parametrize("name", ["taesd_decoder.safetensors", "taesd_decoder.pth"])
@torch.inference_mode()
def test_the_tiny_autoencoder_shows_latents_where_its_weights_are(name: str, tmp_path: Path) -> None:
    save_decoder(tmp_path, name)
    show = previewers(tmp_path).of(SD1_LATENTS, CPU)
    assert show is not None
    assert show(LATENT).size == (24, 32)
    assert show(LATENT).tobytes() == decoded_preview(LATENT, taesd_decoder(decoder_weights())).tobytes()
    assert is_by_cells(previewers(tmp_path).of(SDXL_LATENTS, CPU), SDXL_LATENTS)
    assert is_by_cells(previewers(tmp_path, PreviewMethod.LATENT2RGB).of(SD1_LATENTS, CPU))


@torch.inference_mode()
def test_a_prompt_may_ask_for_another_way_than_the_worker_was_started_with(tmp_path: Path) -> None:
    save_decoder(tmp_path, "taesd_decoder.safetensors")
    known = previewers(tmp_path)
    with asked_for("none"):
        assert known.of(SD1_LATENTS, CPU) is None
    with asked_for("latent2rgb"):
        assert is_by_cells(known.of(SD1_LATENTS, CPU))
    for nothing in ("default", "", None, 3, ["none"], {"none": 1}):
        with asked_for(nothing):
            assert not is_by_cells(known.of(SD1_LATENTS, CPU))
    assert previewers(tmp_path, PreviewMethod.NONE).of(SD1_LATENTS, CPU) is None


@pytest.mark.parametrize("content", [b"", b"not weights", b"\x80\x02K\x01."])
@pytest.mark.parametrize("extension", ["safetensors", "pth"])
def test_a_broken_file_is_warned_of_once_and_cells_are_shown(
    content: bytes, extension: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save_decoder(tmp_path, f"taesd_decoder.{extension}")
    path.write_bytes(content)
    known = previewers(tmp_path)
    for _ in range(2):
        assert is_by_cells(known.of(SD1_LATENTS, CPU))
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert path.name in warning.getMessage()
    assert str(tmp_path) not in warning.getMessage()


def test_a_decoder_of_other_latents_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save_decoder(tmp_path, "taesd_decoder.safetensors", latent_channels=16)
    assert is_by_cells(previewers(tmp_path).of(SD1_LATENTS, CPU))
    assert "taesd_decoder.safetensors is for latents of 16 channels" in caplog.text


def test_weights_that_are_asked_for_and_not_there_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert is_by_cells(previewers(tmp_path).of(SD1_LATENTS, CPU))
    assert not caplog.records
    known = previewers(tmp_path, PreviewMethod.TAESD)
    for _ in range(2):
        assert is_by_cells(known.of(SD1_LATENTS, CPU))
    (warning,) = caplog.records
    assert "there is no taesd_decoder in models/vae_approx" in warning.getMessage()


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="none of none, auto, latent2rgb, taesd"):
        preview_settings("best", 512)
    for size in (0, -1, 100_000):
        with pytest.raises(InvalidArgument, match="preview-size must be 1 to"):
            preview_settings("auto", size)
    assert preview_settings("taesd", 64) == PreviewSettings(PreviewMethod.TAESD, 64)
