"""Parts that were saved alone, loaded by the nodes for parts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from services.executor.nodes.merging.saving import CLIPSave, ModelSave, VAESave
from services.executor.nodes.part_loaders import CLIPLoader, DualCLIPLoader, UNETLoader, VAELoader
from tests.executor.nodes.conftest import Surroundings
from tests.executor.nodes.merging.conftest import FIRST, loaded

XL = "sdxl_small.safetensors"


@pytest.mark.parametrize("name", [FIRST, XL])
def test_a_diffusion_model_is_loaded_again(folder: Path, surroundings: Surroundings, name: str) -> None:
    model = loaded(name).model
    ModelSave().save(model, "diffusion_models/mine")
    (again,) = UNETLoader().load_unet("mine_00001_.safetensors", "default")
    assert again.model.network.family is model.model.network.family
    weights = again.model_state_dict()
    assert all(torch.equal(weight, weights[key]) for key, weight in model.model_state_dict().items())


def test_a_text_encoder_is_loaded_again(folder: Path, surroundings: Surroundings) -> None:
    clip = loaded(FIRST).clip
    CLIPSave().save(clip, "clip/mine")
    (again,) = CLIPLoader().load_clip("mine_clip_l_00001_.safetensors", "stable_diffusion")
    assert torch.equal(again.encode("a red cat"), clip.encode("a red cat"))


def test_two_text_encoders_are_loaded_again(folder: Path, surroundings: Surroundings) -> None:
    clip = loaded(XL).clip
    CLIPSave().save(clip, "clip/xl")
    first, second = (f"xl_clip_{name}_00001_.safetensors" for name in "lg")
    (again,) = DualCLIPLoader().load_clip(first, second, "sdxl")
    assert torch.equal(again.encode("a red cat"), clip.encode("a red cat"))


def test_an_autoencoder_is_loaded_again(folder: Path, surroundings: Surroundings) -> None:
    vae = loaded(FIRST).vae
    VAESave().save(vae, "vae/mine")
    (again,) = VAELoader().load_vae("mine_00001_.safetensors")
    latent = torch.randn(1, 4, 8, 8)
    assert torch.equal(again.decode(latent), vae.decode(latent))
