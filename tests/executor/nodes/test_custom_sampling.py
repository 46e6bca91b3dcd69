"""Nodes that sample with guiders, samplers and noise levels, against the node that does it all."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.loaded_checkpoints import LoadedCheckpoints
from services.executor.nodes.conditioning import CLIPTextEncode
from services.executor.nodes.custom_sampling import SamplerCustom, SamplerCustomAdvanced
from services.executor.nodes.guiders import BasicGuider, CFGGuider
from services.executor.nodes.latent_operations import LatentApplyOperationCFG
from services.executor.nodes.model_sigmas import BasicScheduler
from services.executor.nodes.noise import DisableNoise, RandomNoise
from services.executor.nodes.samplers import KSamplerSelect
from services.executor.nodes.sampling import KSampler
from services.executor.nodes.vae_tiles import VAEDecodeTiled, VAEEncodeTiled
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.nodes.conftest import Surroundings

MODELS = LoadedCheckpoints().get(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors")
LATENT = {"samples": torch.zeros(1, 4, 16, 16)}

pytestmark = pytest.mark.usefixtures("surroundings")


def conditioning(text: str) -> Any:
    return CLIPTextEncode().encode(MODELS.clip, text)[0]


def by_ksampler(cfg: float, model: Any = MODELS.model) -> Tensor:
    sides = conditioning("a red cat"), conditioning("dull")
    (latent,) = KSampler().sample(model, 5, 3, cfg, "euler", "karras", *sides, LATENT)
    samples: Tensor = latent["samples"]
    return samples


def parts(steps: int = 3) -> tuple[Any, Tensor]:
    (sampler,) = KSamplerSelect().get_sampler("euler")
    (sigmas,) = BasicScheduler().get_sigmas(MODELS.model, "karras", steps, 1.0)
    return sampler, sigmas


def test_sampling_by_parts_is_sampling() -> None:
    sides = conditioning("a red cat"), conditioning("dull")
    expected = by_ksampler(6.0)
    found, estimate = SamplerCustom().sample(MODELS.model, True, 5, 6.0, *sides, *parts(), LATENT)
    assert torch.equal(found["samples"], expected)
    torch.testing.assert_close(estimate["samples"], expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
    (guider,) = CFGGuider().get_guider(MODELS.model, *sides, 6.0)
    (noise,) = RandomNoise().get_noise(5)
    found, _ = SamplerCustomAdvanced().sample(noise, guider, *parts(), LATENT)
    assert torch.equal(found["samples"], expected)


def test_a_guider_of_one_conditioning_is_guidance_of_one() -> None:
    (guider,) = BasicGuider().get_guider(MODELS.model, conditioning("a red cat"))
    (noise,) = RandomNoise().get_noise(5)
    found, _ = SamplerCustomAdvanced().sample(noise, guider, *parts(), LATENT)
    assert torch.equal(found["samples"], by_ksampler(1.0))


def test_a_run_can_be_left_off_and_taken_up(surroundings: Surroundings) -> None:
    sides = conditioning("a red cat"), conditioning("dull")
    sampler, sigmas = parts()
    half, estimate = SamplerCustom().sample(MODELS.model, True, 5, 6.0, *sides, sampler, sigmas[:2], LATENT)
    assert not torch.equal(half["samples"], estimate["samples"])
    rest, _ = SamplerCustom().sample(MODELS.model, False, 5, 6.0, *sides, sampler, sigmas[1:], half)
    expected = by_ksampler(6.0)
    torch.testing.assert_close(rest["samples"], expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
    assert surroundings.events


def test_without_levels_a_latent_comes_back() -> None:
    (guider,) = BasicGuider().get_guider(MODELS.model, conditioning(""))
    (noise,) = DisableNoise().get_noise()
    latent = {"samples": torch.ones(1, 4, 16, 16)}
    found, estimate = SamplerCustomAdvanced().sample(noise, guider, parts()[0], torch.empty(0), latent)
    assert torch.equal(found["samples"], latent["samples"])
    assert torch.equal(estimate["samples"], latent["samples"])


def test_an_operation_on_guidance_changes_its_strength() -> None:
    (halved,) = LatentApplyOperationCFG().execute(MODELS.model, lambda latent, **options: latent * 0.5)
    expected = by_ksampler(3.0)
    found = by_ksampler(6.0, halved)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
    assert not torch.equal(by_ksampler(6.0), found)


def test_a_missing_model_is_named() -> None:
    for call in (
        lambda: BasicGuider().get_guider(None, []),
        lambda: CFGGuider().get_guider(None, [], [], 1.0),
        lambda: LatentApplyOperationCFG().execute(None, lambda latent, **options: latent),
    ):
        with pytest.raises(ValueError, match="^model: "):
            call()


def test_pictures_are_coded_tile_by_tile() -> None:
    pixels = torch.rand(1, 192, 160, 3, generator=torch.Generator().manual_seed(0))
    vae: Any = MODELS.vae
    (latent,) = VAEEncodeTiled().encode(vae, pixels, tile_size=128, overlap=64)
    assert latent["samples"].shape == (1, 4, 24, 20)
    (whole,) = VAEDecodeTiled().decode(vae, latent, tile_size=512)
    torch.testing.assert_close(whole, vae.decode(latent["samples"]), rtol=0, atol=1e-5)
    (tiled,) = VAEDecodeTiled().decode(vae, latent, tile_size=96, overlap=64)
    assert tiled.shape == pixels.shape
    assert not torch.equal(tiled, whole)
    with pytest.raises(ValueError, match="^vae: "):
        VAEDecodeTiled().decode(None, latent, tile_size=96)
