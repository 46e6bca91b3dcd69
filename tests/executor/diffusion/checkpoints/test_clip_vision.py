"""Encoders of pictures in files: which layouts are known, and what is said about files that hold something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.checkpoints.clip_vision import clip_vision, load_clip_vision
from services.executor.diffusion.checkpoints.clip_vision_structure import clip_vision_spec
from tests.executor.diffusion.checkpoints.openclip import VisionTransformer
from tests.executor.diffusion.golden import GOLDEN

SMALL = GOLDEN / "models" / "clip_vision" / "cv_small.safetensors"
WIDTHS = {"L": (1024, 24, 768, 14, 224), "H": (1280, 32, 1024, 14, 224), "G": (1664, 48, 1280, 14, 224)}


def published(width: int, layers: int, projection: int, patch: int, size: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the weights that tell one encoder from another."""
    layer = {f"vision_model.encoder.layers.{number}.mlp.fc1.weight": (width * 4, width) for number in range(layers)}
    return {
        "vision_model.embeddings.patch_embedding.weight": (width, 3, patch, patch),
        "vision_model.embeddings.position_embedding.weight": ((size // patch) ** 2 + 1, width),
        "visual_projection.weight": (projection, width),
        **layer,
    }


@pytest.mark.parametrize(
    ("name", "head_dim", "activation"), [("L", 64, "quick_gelu"), ("H", 80, "gelu"), ("G", 104, "gelu")]
)
def test_the_published_encoders_are_known_by_their_widths(name: str, head_dim: int, activation: str) -> None:
    spec = clip_vision_spec(published(*WIDTHS[name]), {})
    assert (spec.width, spec.layers, spec.embedding_dim) == WIDTHS[name][:3]
    assert (spec.width // spec.heads, spec.activation, spec.image_size) == (head_dim, activation, 224)


def test_an_encoder_of_larger_pictures_is_known_by_its_positions() -> None:
    assert clip_vision_spec(published(1024, 24, 768, 14, 336), {}).image_size == 336


@torch.inference_mode()
def test_the_layout_of_openclip_gives_what_openclip_computes() -> None:
    torch.manual_seed(0)
    reference = VisionTransformer(width=128, heads=2, layers=3, patch=7, grid=4, embedding=24)
    weights = {f"visual.{name}": weight for name, weight in reference.state_dict().items()}
    pictures = torch.randn(2, 3, 28, 28)
    embeds, tokens = reference(pictures)
    seen = clip_vision(weights, {"hidden_act": "gelu"})(pictures)
    torch.testing.assert_close(seen.image_embeds, embeds, rtol=0, atol=1e-5)
    torch.testing.assert_close(seen.last_hidden_state, tokens, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_a_pickled_file_gives_the_same_as_one_in_safetensors(tmp_path: Path) -> None:
    weights = load_file(SMALL)
    torch.save({"state_dict": weights}, tmp_path / "pytorch_model.bin")
    pictures = torch.rand(1, 3, 56, 56)
    one = load_clip_vision(tmp_path / "pytorch_model.bin")
    assert one.spec.heads == 1, "a pickled file does not say how many there are"
    assert torch.equal(one(pictures).image_embeds, clip_vision(weights)(pictures).image_embeds)


@torch.inference_mode()
def test_an_encoder_without_a_projection_gives_the_whole_picture_unprojected() -> None:
    weights = load_file(SMALL)
    del weights["visual_projection.weight"]
    assert clip_vision(weights)(torch.rand(1, 3, 56, 56)).image_embeds.shape == (1, 32)


BROKEN: dict[str, tuple[dict[str, Tensor], str]] = {
    "a LoRA": (
        {"lora_unet_mid.lora_up.weight": torch.ones(2, 2)},
        "no CLIP vision model; it looks like a LoRA",
    ),
    "nothing": ({}, "its weights are of nothing"),
    "a layer short of one weight": (
        {name: weight for name, weight in load_file(SMALL).items() if name != "vision_model.pre_layrnorm.bias"},
        "vision_model.pre_layrnorm.bias is missing",
    ),
    "no square of patches": (
        {**load_file(SMALL), "vision_model.embeddings.position_embedding.weight": torch.ones(16, 32)},
        "3 channels and 16 positions",
    ),
    "other widths": (
        {**load_file(SMALL), "vision_model.post_layernorm.weight": torch.ones(7)},
        "post_layernorm.weight has the shape \\[7\\]",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_holds_something_else_is_refused_by_name_and_content(name: str, tmp_path: Path) -> None:
    weights, message = BROKEN[name]
    save_file(weights, tmp_path / "seen.safetensors")
    with pytest.raises(CheckpointError, match=f"seen.safetensors.*{message}"):
        load_clip_vision(tmp_path / "seen.safetensors")


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"hidden_act": "relu"}, "unknown activation 'relu'"),
        ({"num_attention_heads": 5}, "cannot be shared by 5 heads"),
    ],
)
def test_a_configuration_that_fits_no_encoder_is_refused(
    configuration: dict[str, object], message: str, tmp_path: Path
) -> None:
    metadata = {"silverprint.config": json.dumps({"clip_vision": configuration})}
    save_file(load_file(SMALL), tmp_path / "odd.safetensors", metadata)
    with pytest.raises(CheckpointError, match=message):
        load_clip_vision(tmp_path / "odd.safetensors")
