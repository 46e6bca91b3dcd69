"""Packs that show pictures to an encoder themselves, as those for image prompts do."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.executor.custom.conftest import Load
from tests.executor.diffusion.checkpoints.openclip import QuickGelu, StyleAdapter, VisionTransformer
from tests.executor.diffusion.families.small import saved
from tests.executor.diffusion.golden import GOLDEN

FILE = GOLDEN / "models" / "clip_vision" / "cv_small.safetensors"


@pytest.fixture
def offered(load: Load) -> Callable[[str], Any]:
    load()
    return importlib.import_module


def below(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    return {prefix + name: weight for name, weight in module.state_dict().items()}


@torch.inference_mode()
def test_the_network_by_hand_gives_what_the_encoder_gives(offered: Callable[[str], Any]) -> None:
    vision, management = offered("comfy.clip_vision"), offered("comfy.model_management")
    encoder = vision.load(str(FILE))
    pictures = torch.rand(2, 40, 60, 3)
    management.load_model_gpu(encoder.patcher)
    pixels = vision.clip_preprocess(pictures.to(encoder.load_device), size=encoder.image_size).float()
    last, penultimate, embeds = encoder.model(pixel_values=pixels, intermediate_output=-2)[:3]
    by_hand = vision.Output()
    by_hand["image_embeds"] = embeds
    by_hand.last_hidden_state, by_hand.penultimate_hidden_states = last, penultimate
    seen = encoder.encode_image(pictures)
    for name in ("image_embeds", "last_hidden_state", "penultimate_hidden_states"):
        assert torch.equal(getattr(by_hand, name), seen[name])


@torch.inference_mode()
def test_an_encoder_can_be_made_of_the_weights_of_another(offered: Callable[[str], Any]) -> None:
    vision = offered("comfy.clip_vision")
    encoder = vision.load(FILE)
    made = vision.load_clipvision_from_sd(below("image_encoder.", encoder.model), prefix="image_encoder.")
    assert all(torch.equal(weight, encoder.get_sd()[name]) for name, weight in made.get_sd().items())


def test_what_was_not_seen_is_not_there(offered: Callable[[str], Any]) -> None:
    with pytest.raises(AttributeError, match="image_embeds"):
        offered("comfy.clip_vision").Output()["image_embeds"]


@torch.inference_mode()
def test_a_style_model_takes_what_was_seen(offered: Callable[[str], Any], tmp_path: Path) -> None:
    reference = StyleAdapter(width=32, heads=8, layers=1, tokens=2, context_dim=24)
    save_file(reference.state_dict(), tmp_path / "style.safetensors")
    seen = offered("comfy.clip_vision").load(FILE).encode_image(torch.rand(1, 56, 56, 3))
    made = offered("comfy.sd").load_style_model(str(tmp_path / "style.safetensors")).get_cond(seen)
    torch.testing.assert_close(made, reference(seen.last_hidden_state), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_a_checkpoint_that_follows_pictures_brings_its_encoder(offered: Callable[[str], Any], tmp_path: Path) -> None:
    encoder = VisionTransformer(width=64, heads=1, layers=1, patch=7, grid=2, embedding=32, activation=QuickGelu)
    path = saved("sd2-unclip", tmp_path, below("embedder.model.visual.", encoder))
    model, *_, vision = offered("comfy.sd").load_checkpoint_guess_config(str(path), output_clipvision=True)
    assert isinstance(model.model, offered("comfy.model_base").SD21UNCLIP)
    pictures = torch.rand(1, 14, 14, 3)
    expected, _ = encoder(offered("comfy.clip_vision").clip_preprocess(pictures, size=14))
    torch.testing.assert_close(vision.encode_image(pictures).image_embeds, expected, rtol=1e-4, atol=1e-4)
    assert offered("comfy.sd").load_checkpoint_guess_config(str(path))[3] is None
