"""What LoRA files call the layers of text encoders."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from services.executor.patching.adapter_names import text_names
from services.executor.patching.clip import CLIP
from services.executor.patching.lora import with_lora
from tests.executor.diffusion.text_models import encoders

LAYER = "text_model.encoder.layers.0.mlp.fc1"
UNDERSCORED = LAYER.replace(".", "_")


@cache
def clip(*names: str) -> CLIP:
    return CLIP(encoders(*names))


@pytest.mark.parametrize(
    ("family", "name", "encoder"),
    [
        ("l", f"lora_te_{UNDERSCORED}", "clip_l"),
        ("l", f"lora_te1_{UNDERSCORED}", "clip_l"),
        ("l", f"text_encoder.{LAYER}", "clip_l"),
        ("l", f"text_encoders.clip_l.transformer.{LAYER}", "clip_l"),
        ("h", f"lora_te_{UNDERSCORED}", "clip_h"),
        ("h", f"text_encoder.{LAYER}", "clip_h"),
        ("g", f"lora_te_{UNDERSCORED}", "clip_g"),
        ("lg", f"lora_te1_{UNDERSCORED}", "clip_l"),
        ("lg", f"text_encoder.{LAYER}", "clip_l"),
        ("lg", f"lora_te2_{UNDERSCORED}", "clip_g"),
        ("lg", f"text_encoder_2.{LAYER}", "clip_g"),
        ("lg", f"text_encoders.clip_g.transformer.{LAYER}", "clip_g"),
    ],
)
def test_a_layer_is_found_in_its_encoder(family: str, name: str, encoder: str) -> None:
    assert text_names(clip(*family).cond_stage_model)[name] == f"{encoder}.transformer.{LAYER}"


def test_projections_are_layers_as_well() -> None:
    names = text_names(clip("l", "g").cond_stage_model)
    assert names["lora_te2_text_projection"] == "clip_g.transformer.text_projection"


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("lora_up.weight", "lora_down.weight"),
        ("lora_B.weight", "lora_A.weight"),
        ("lora.up.weight", "lora.down.weight"),
        ("lora_linear_layer.up.weight", "lora_linear_layer.down.weight"),
    ],
)
def test_diffusers_has_spelled_the_matrices_in_many_ways(up: str, down: str, caplog: pytest.LogCaptureFixture) -> None:
    name = f"text_encoder_2.{LAYER}"
    tensors = {f"{name}.{up}": torch.ones(64, 2), f"{name}.{down}": torch.ones(2, 16)}
    _, changed = with_lora(None, clip("l", "g"), tensors, 0.0, 1.0)
    assert changed
    assert list(changed.patcher.patches) == [f"clip_g.transformer.{LAYER}.weight"]
    assert not caplog.records


def test_what_is_for_a_second_encoder_is_counted_where_there_is_one(caplog: pytest.LogCaptureFixture) -> None:
    tensors = {
        f"{prefix}_{UNDERSCORED}.{part}.weight": torch.ones(*shape)
        for prefix in ("lora_te1", "lora_te2")
        for part, shape in (("lora_up", (64, 2)), ("lora_down", (2, 16)))
    }
    _, changed = with_lora(None, clip("l"), tensors, 0.0, 1.0, "xl.safetensors")
    assert changed
    assert list(changed.patcher.patches) == [f"clip_l.transformer.{LAYER}.weight"]
    (record,) = caplog.records
    assert record.getMessage().startswith("xl.safetensors: 2 of 4 keys match no weight and are left out")
