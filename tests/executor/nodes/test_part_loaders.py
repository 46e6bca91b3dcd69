"""Parts of models in files of their own, in every layout and dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from services.errors import NotFound
from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.models.taesd import TaesdDecoder, TaesdEncoder, TaesdSpec
from services.executor.nodes.older_loaders import CheckpointLoader
from services.executor.nodes.part_loaders import CLIPLoader, DualCLIPLoader, UNETLoader, VAELoader
from tests.executor.diffusion.families.published import random_weights
from tests.executor.diffusion.families.small import SMALL
from tests.executor.diffusion.text_models import hugging_face, network, openclip
from tests.executor.nodes.model_files import (
    HEADS,
    PROMPT,
    UNET,
    VAE,
    Put,
    Weights,
    assert_same,
    golden,
    golden_whole,
    part,
    predicted,
    put,
    unet_in_diffusers,
    vae_in_diffusers,
)

__all__ = ["put"]


@pytest.mark.parametrize("layout", ["prefixed", "bare", "short prefix", "diffusers"])
def test_a_diffusion_model_alone_is_that_of_the_checkpoint(put: Put, layout: str) -> None:
    own = part(UNET)
    weights = {
        "prefixed": {UNET + name: tensor for name, tensor in own.items()},
        "bare": own,
        "short prefix": {f"diffusion_model.{name}": tensor for name, tensor in own.items()},
        "diffusers": unet_in_diffusers(own, golden().configuration["unet"]),
    }[layout]
    (model,) = UNETLoader().load_unet(put("diffusion_models", "unet.safetensors", weights), "default")
    (whole, _, _) = CheckpointLoader().load_checkpoint(
        "v1-inference.yaml", put("checkpoints", "a.safetensors", golden_whole())
    )
    assert_same(predicted(model), predicted(whole))


@pytest.mark.parametrize("name", ["sd2", "sdxl", "sdxl-refiner"])
def test_later_families_come_from_diffusers_as_well(put: Put, name: str) -> None:
    weights = random_weights(SMALL[name])
    converted = put("unet", "x.safetensors", unet_in_diffusers(weights, {}), {"unet": {}})
    (model,) = UNETLoader().load_unet(converted, "default")
    found = model.model_state_dict("diffusion_model.")
    assert all(torch.equal(found[f"diffusion_model.{name}"], tensor) for name, tensor in weights.items())


@pytest.mark.parametrize(
    ("choice", "dtype"),
    [("fp8_e4m3fn", torch.float8_e4m3fn), ("fp8_e4m3fn_fast", torch.float8_e4m3fn), ("fp8_e5m2", torch.float8_e5m2)],
)
def test_weights_are_rounded_to_eight_bits_and_computed_with_as_more(put: Put, choice: str, dtype: torch.dtype) -> None:
    name = put("diffusion_models", "unet.safetensors", part(UNET))
    (model,) = UNETLoader().load_unet(name, choice)
    assert model.model_dtype() == dtype
    rounded = {name: tensor.to(dtype).to(tensor.dtype) for name, tensor in part(UNET).items()}
    (same,) = UNETLoader().load_unet(put("diffusion_models", "rounded.safetensors", rounded), "default")
    assert_same(predicted(model), predicted(same))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_a_file_may_be_of_any_dtype(put: Put, dtype: torch.dtype) -> None:
    weights = {name: tensor.to(dtype) for name, tensor in part(UNET).items()}
    (model,) = UNETLoader().load_unet(put("diffusion_models", "unet.safetensors", weights), "default")
    assert model.model_dtype() == dtype
    plain = {name: tensor.float() for name, tensor in weights.items()}
    (same,) = UNETLoader().load_unet(put("diffusion_models", "plain.safetensors", plain), "default")
    assert_same(predicted(model), predicted(same))


def test_dtypes_may_be_mixed(put: Put) -> None:
    own = part(UNET)
    mixed = {name: tensor.to(torch.float8_e4m3fn) if tensor.dim() > 1 else tensor for name, tensor in own.items()}
    (model,) = UNETLoader().load_unet(put("diffusion_models", "unet.safetensors", mixed), "default")
    assert bool(predicted(model).isfinite().all())


@pytest.mark.parametrize("prefix", ["", UNET])
def test_weights_with_scales_are_their_products(put: Put, prefix: str) -> None:
    scaled, plain = {f"{prefix}scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}, {}
    for name, tensor in part(UNET).items():
        if tensor.dim() < 2:
            scaled[prefix + name] = plain[name] = tensor
            continue
        scale = tensor.float().abs().max() / 448  # the largest number of these 8 bits
        scaled[prefix + name] = (tensor.float() / scale).to(torch.float8_e4m3fn)
        scaled[prefix + name.replace(".weight", ".scale_weight")] = scale
        plain[name] = (scaled[prefix + name].float() * scale).half()
    (model,) = UNETLoader().load_unet(put("diffusion_models", "scaled.safetensors", scaled), "default")
    (same,) = UNETLoader().load_unet(put("diffusion_models", "plain.safetensors", plain), "default")
    assert_same(predicted(model), predicted(same))


# Text encoders


@pytest.mark.parametrize(
    ("weights", "kind", "parts"),
    [
        (hugging_face(network("l")), "l", ["l"]),
        (openclip(network("h")), "h", ["h"]),
        (openclip(network("g")), "g", ["l", "g"]),
        (
            hugging_face(network("l"), "cond_stage_model.transformer.") | {"model.diffusion_model.x": torch.ones(1)},
            "l",
            ["l"],
        ),
    ],
    ids=["l", "h", "g", "in a checkpoint"],
)
def test_a_text_encoder_alone_is_that_of_its_family(put: Put, weights: Weights, kind: str, parts: list[str]) -> None:
    name = put("text_encoders", "te.safetensors", weights, {f"clip_{kind}": HEADS[f"clip_{kind}"]})
    (clip,) = CLIPLoader().load_clip(name, "stable_diffusion")
    assert list(clip.tokenize(PROMPT)) == parts
    assert hasattr(clip.cond_stage_model, f"clip_{kind}")
    assert clip.encode(PROMPT).shape == (1, 77, 16)


def test_two_text_encoders_are_told_apart_in_any_order(put: Put) -> None:
    one = put("clip", "one.safetensors", hugging_face(network("l")), HEADS)
    other = put("clip", "other.safetensors", openclip(network("g")), HEADS)
    (clip,) = DualCLIPLoader().load_clip(one, other, "sdxl", "cpu")
    (turned,) = DualCLIPLoader().load_clip(other, one, "sdxl")
    assert clip.encode(PROMPT).shape == (1, 77, 32)
    assert torch.equal(clip.encode(PROMPT), turned.encode(PROMPT))


def test_the_same_text_encoder_twice_is_refused(put: Put) -> None:
    name = put("text_encoders", "l.safetensors", hugging_face(network("l")), HEADS)
    with pytest.raises(CheckpointError, match=r"l\.safetensors and l\.safetensors: text encoders \(l, l\)"):
        DualCLIPLoader().load_clip(name, name, "sdxl")


@pytest.mark.parametrize(("node", "family"), [(CLIPLoader(), "sd3"), (DualCLIPLoader(), "flux")])
def test_text_encoders_of_other_families_are_named(put: Put, node: Any, family: str) -> None:
    names = [put("text_encoders", "l.safetensors", hugging_face(network("l")), HEADS)] * (
        1 if isinstance(node, CLIPLoader) else 2
    )
    with pytest.raises(ValueError, match=f"type: text encoders of {family} cannot be loaded here"):
        node.load_clip(*names, family)
    with pytest.raises(ValueError, match="type: 'nothing' is not one of "):
        node.load_clip(*names, "nothing")
    with pytest.raises(ValueError, match="device: 'tpu' is not one of default, cpu"):
        node.load_clip(*names, "stable_diffusion" if isinstance(node, CLIPLoader) else "sdxl", "tpu")


# Autoencoders


@pytest.mark.parametrize(
    "layout",
    [
        lambda own: own,
        lambda own: {VAE + name: tensor for name, tensor in own.items()},
        vae_in_diffusers,
        lambda own: vae_in_diffusers(own, older=True),
        lambda own: {f"vae.{name}": tensor for name, tensor in own.items()},
        lambda own: {**own, "loss.logvar": torch.zeros(()), "model_ema.decay": torch.zeros(())},
        lambda own: {name: tensor.float() for name, tensor in own.items()},
    ],
    ids=["LDM", "prefixed", "diffusers", "older diffusers", "short prefix", "trained", "fp32"],
)
def test_an_autoencoder_alone_is_that_of_the_checkpoint(put: Put, layout: Callable[[Weights], Weights]) -> None:
    (vae,) = VAELoader().load_vae(put("vae", "vae.safetensors", layout(part(VAE))))
    (_, _, whole) = CheckpointLoader().load_checkpoint(
        "v1-inference.yaml", put("checkpoints", "a.safetensors", golden_whole())
    )
    latent = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5))
    assert_same(vae.decode(latent), whole.decode(latent))


def test_tiny_autoencoders_are_offered_where_both_halves_are(put: Put) -> None:
    spec = TaesdSpec(channels=8)
    put("vae_approx", "taesd_decoder.safetensors", TaesdDecoder(spec).state_dict())
    assert VAELoader.INPUT_TYPES()["required"]["vae_name"] == (["pixel_space"],)
    put("vae_approx", "taesd_encoder.pth", TaesdEncoder(spec).state_dict())
    assert VAELoader.INPUT_TYPES()["required"]["vae_name"] == (["taesd", "pixel_space"],)
    (vae,) = VAELoader().load_vae("taesd")
    assert vae.decode(torch.zeros(1, 4, 2, 2)).shape == (1, 16, 16, 3)
    assert float(vae.first_stage_model.vae_scale) == pytest.approx(0.18215)
    with pytest.raises(NotFound, match="taesdxl_encoder"):
        VAELoader().load_vae("taesdxl")


def test_in_the_space_of_pixels_latents_are_pictures(put: Put) -> None:
    (vae,) = VAELoader().load_vae("pixel_space")
    picture = torch.rand(2, 5, 7, 3)
    latent = vae.encode(picture)
    assert torch.equal(latent, picture.movedim(-1, 1) * 2 - 1)
    torch.testing.assert_close(vae.decode(latent), picture)
