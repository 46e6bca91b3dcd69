"""`latent_preview` and `comfy.taesd.taesd`, as samplers of packs use them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from services.executor import environment
from services.executor.custom.modules import comfy_cli_args, comfy_taesd, latent_preview
from services.executor.custom.modules.comfy_latent_formats import SD15, SDXL
from services.executor.diffusion.latent_format import SD1_LATENTS
from services.executor.diffusion.preview import latent_preview as by_cells
from services.executor.model_folders import ModelFolders
from services.executor.previews.choice import asked_for
from tests.executor.diffusion.tiny import save_decoder

LATENT = torch.randn(2, 4, 4, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def models(tmp_path: Path) -> Path:
    environment.install(environment.Environment(ModelFolders((tmp_path,))))
    return tmp_path


@torch.inference_mode()
def test_a_previewer_is_what_the_platform_uses_itself(models: Path) -> None:
    save_decoder(models, "taesdxl_decoder.safetensors")
    for latent_format, size in ((SD15(), (3, 4)), (SDXL(), (24, 32))):
        show = latent_preview.get_previewer("cpu", latent_format)
        assert show is not None
        kind, picture, largest = show.decode_latent_to_preview_image("JPEG", LATENT)
        assert (kind, picture.size, largest) == ("JPEG", size, latent_preview.MAX_PREVIEW_RESOLUTION)
    with asked_for("default"):
        latent_preview.set_preview_method("none")
        assert latent_preview.get_previewer("cpu", SD15()) is None
        latent_preview.set_preview_method()
        assert latent_preview.get_previewer("cpu", SD15()) is not None


def test_factors_of_a_packs_own_become_colours() -> None:
    own = latent_preview.Latent2RGBPreviewer(SD15.latent_rgb_factors or (), None)
    assert own.decode_latent_to_preview(LATENT).tobytes() == by_cells(LATENT, SD1_LATENTS).tobytes()
    turned = latent_preview.Latent2RGBPreviewer([[1, 0, 0]] * 4, [0, 1, 1], lambda latent: latent * 0)
    assert turned.decode_latent_to_preview(LATENT).getpixel((0, 0)) == (127, 255, 255)


@torch.inference_mode()
def test_a_tiny_autoencoder_of_a_packs_own_makes_pictures(models: Path) -> None:
    tiny = comfy_taesd.TAESD(latent_channels=4)
    show = latent_preview.TAESDPreviewerImpl(tiny)
    assert show.decode_latent_to_preview(LATENT).size == (24, 32)
    pixels = latent_preview.preview_to_image(torch.full((2, 2, 3), 0.5), do_scale=False)
    assert pixels.getpixel((0, 0)) == (127, 127, 127)
    torch.testing.assert_close(tiny.unscale_latents(tiny.scale_latents(LATENT)), LATENT.clamp(-3, 3))
    assert comfy_taesd.Encoder(16)(torch.zeros(1, 3, 8, 8)).shape == (1, 16, 1, 1)
    assert comfy_taesd.Decoder()(torch.zeros(1, 4, 1, 1)).shape == (1, 3, 8, 8)


def test_methods_are_found_by_name() -> None:
    method = comfy_cli_args.LatentPreviewMethod
    assert method.from_string("taesd") is method.TAESD
    assert method.from_string("default") is None
