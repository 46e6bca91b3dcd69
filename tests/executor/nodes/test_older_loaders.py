"""Nodes that loaded models before files said by themselves what is in them."""

from __future__ import annotations

import pytest
import torch

from services.errors import NotFound
from services.executor.nodes.older_loaders import CheckpointLoader, DiffusersLoader
from services.executor.patching.model_sampling import V_PREDICTION
from tests.executor.diffusion.text_models import hugging_face, network
from tests.executor.nodes.model_files import (
    HEADS,
    UNET,
    VAE,
    Put,
    golden,
    golden_whole,
    part,
    predicted,
    put,
    unet_in_diffusers,
    vae_in_diffusers,
)

__all__ = ["put"]


def test_a_configuration_says_what_files_do_not(put: Put) -> None:
    name = put("checkpoints", "a.safetensors", golden_whole())
    model, clip, _ = CheckpointLoader().load_checkpoint("v2-inference-v.yaml", name)
    plain, other_clip, _ = CheckpointLoader().load_checkpoint("v1-inference_clip_skip_2.yaml", name)
    assert (clip.layer_idx, other_clip.layer_idx) == (None, -2)
    assert isinstance(model.get_model_object("model_sampling"), V_PREDICTION)
    assert not isinstance(plain.get_model_object("model_sampling"), V_PREDICTION)
    with pytest.raises(ValueError, match="config_name: 'mine.yaml' is not one of anything_v3.yaml"):
        CheckpointLoader().load_checkpoint("mine.yaml", name)


def test_a_folder_of_diffusers_is_one_model(put: Put) -> None:
    configuration = {"clip_l": HEADS["clip_l"]}
    put(
        "diffusers",
        "sd/unet/diffusion_pytorch_model.safetensors",
        unet_in_diffusers(part(UNET), golden().configuration["unet"]),
    )
    put("diffusers", "sd/unet/diffusion_pytorch_model.fp16.safetensors", {"nothing": torch.zeros(1)})
    put("diffusers", "sd/text_encoder/model.safetensors", hugging_face(network("l")), configuration)
    assert DiffusersLoader.INPUT_TYPES()["required"]["model_path"] == (["sd"],)
    with pytest.raises(NotFound, match="there is no vae in the folder 'sd'"):
        DiffusersLoader().load_checkpoint("sd")
    put("diffusers", "sd/vae/diffusion_pytorch_model.bin", vae_in_diffusers(part(VAE)))
    model, clip, vae = DiffusersLoader().load_checkpoint("sd")
    assert predicted(model).shape == (1, 4, 8, 16)
    assert list(clip.tokenize("x")) == ["l"]
    assert vae.decode(torch.zeros(1, 4, 2, 2)).shape == (1, 16, 16, 3)
    put(
        "diffusers",
        "sd/text_encoder_2/model.safetensors",
        hugging_face(network("g")),
        {"clip_g": HEADS["clip_g"]},
    )
    assert list(DiffusersLoader().load_checkpoint("sd")[1].tokenize("x")) == ["l", "g"]
