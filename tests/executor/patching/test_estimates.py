"""What work is expected to take is what it takes."""

from __future__ import annotations

import pytest
import torch

from bench.activations import peak_bytes
from bench.sizes import Size
from services.executor.diffusion.families import FAMILIES
from services.executor.diffusion.model_sampling import stable_diffusion_sampling
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.models.vae import Vae, VaeSpec
from services.executor.diffusion.prediction import Epsilon
from services.executor.patching.vae import VAE

WITH_ATTENTION = Size(width=64, multiples=(1, 2, 4), depths=(1, 1, 1), middle_depth=1, context=64, linear=False)
WITHOUT = Size(width=64, multiples=(1, 2, 4), depths=(0, 1, 2), middle_depth=2, context=64, linear=True)


@pytest.mark.parametrize("size", [WITH_ATTENTION, WITHOUT])
@pytest.mark.parametrize(("batch", "side"), [(1, 32), (2, 64)])
def test_a_step_takes_what_is_expected(size: Size, batch: int, side: int) -> None:
    with torch.device("meta"):
        unet = UNet(size.spec)
        latents, context = torch.empty(batch, 4, side, side), torch.empty(batch, 77, size.context)
    counted = peak_bytes(lambda: unet(latents, torch.empty(batch, device="meta"), context), unet)
    family = FAMILIES[0]
    model = LatentDiffusionModel(unet, stable_diffusion_sampling(Epsilon()), family.latent_format, family)
    expected = model.working_memory(batch * side * side, torch.device("cpu"))
    assert counted <= expected <= 1.5 * counted


@pytest.mark.parametrize("side", [16, 48])
def test_pictures_take_what_is_expected(side: int) -> None:
    with torch.device("meta"):
        network = Vae(VaeSpec(32, (1, 2, 4, 4), 2))
        latent, pixels = torch.empty(1, 4, side, side), torch.empty(1, 3, side * 8, side * 8)
    vae = VAE.__new__(VAE)
    vae._use(network)
    decoded = peak_bytes(lambda: network.decode(latent), network)
    assert decoded <= vae.memory_used_decode(latent.shape, torch.float32) <= 1.5 * decoded
    encoded = peak_bytes(lambda: network.encode(pixels), network)
    assert encoded <= vae.memory_used_encode(pixels.shape, torch.float32) <= 1.8 * encoded
