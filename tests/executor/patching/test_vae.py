"""VAE: whole pictures, and pictures in tiles."""

from __future__ import annotations

import pytest
import torch

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.patching.vae import VAE
from tests.executor.patching.conftest import Loaded


def picture(height: int, width: int) -> torch.Tensor:
    rows, columns = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)
    return torch.stack([rows.expand(height, width), columns.expand(height, width), rows * columns], dim=-1)[None]


def test_a_tile_as_large_as_the_picture_gives_the_whole(loaded: Loaded) -> None:
    pixels = picture(128, 96)
    latent = loaded.vae.encode(pixels)
    torch.testing.assert_close(loaded.vae.encode_tiled(pixels), latent, rtol=0, atol=1e-5)
    torch.testing.assert_close(loaded.vae.decode_tiled(latent), loaded.vae.decode(latent), rtol=0, atol=1e-5)


def test_tiles_are_close_to_the_whole_and_do_not_show_their_edges(loaded: Loaded) -> None:
    pixels = picture(192, 160).repeat(2, 1, 1, 1)
    latent = loaded.vae.encode(pixels)
    assert latent.shape == (2, 4, 24, 20)
    encoded = loaded.vae.encode_tiled(pixels, tile_x=96, tile_y=128, overlap=32)
    assert encoded.shape == latent.shape
    whole, tiled = loaded.vae.decode(latent), loaded.vae.decode_tiled(latent, tile_x=12, tile_y=16, overlap=4)
    assert tiled.shape == whole.shape == pixels.shape
    assert (whole - tiled).abs().mean() < 0.1
    jump = (tiled[:, 1:] - tiled[:, :-1]).abs().mean(dim=(0, 2, 3))
    usual = (whole[:, 1:] - whole[:, :-1]).abs().mean(dim=(0, 2, 3))
    assert float((jump - usual).max()) < 0.1


def test_sizes_that_are_no_whole_number_of_cells_are_cut_alike(loaded: Loaded) -> None:
    pixels = picture(101, 84)
    whole = loaded.vae.encode(pixels)
    assert loaded.vae.encode_tiled(pixels, tile_x=60, tile_y=70, overlap=20).shape == whole.shape == (1, 4, 12, 10)
    assert loaded.vae.vae_encode_crop_pixels(pixels).shape == (1, 96, 80, 3)


def test_transparency_is_left_out(loaded: Loaded) -> None:
    pixels = picture(64, 64)
    with_alpha = torch.cat([pixels, torch.zeros(1, 64, 64, 1)], dim=-1)
    assert torch.equal(loaded.vae.encode(with_alpha), loaded.vae.encode(pixels))


def test_an_autoencoder_tells_of_itself(loaded: Loaded) -> None:
    vae = loaded.vae
    assert vae.spacial_compression_encode() == vae.spacial_compression_decode() == vae.downscale_ratio == 8
    assert vae.latent_channels == 4
    assert vae.memory_used_decode((1, 4, 8, 8), torch.float32) == vae.memory_used_encode((1, 3, 64, 64), torch.float32)
    assert "decoder.conv_in.weight" in vae.get_sd()
    pixels = picture(64, 64)
    torch.testing.assert_close(vae.process_output(vae.process_input(pixels)), pixels)
    assert vae.first_stage_model.encode(vae.process_input(pixels).movedim(-1, 1)).shape == (1, 4, 8, 8)


def test_an_autoencoder_can_be_made_of_weights(loaded: Loaded) -> None:
    made = VAE(sd=loaded.vae.get_sd())
    pixels = picture(64, 64)
    assert torch.equal(made.encode(pixels), loaded.vae.encode(pixels))
    with pytest.raises(CheckpointError, match="this is no autoencoder; its weights are of weight"):
        VAE(sd={"weight": torch.zeros(1)})
