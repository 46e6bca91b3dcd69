"""Packs that apply LoRA files themselves."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from services.executor.loaded_checkpoints import LoadedCheckpoints
from services.executor.patching.clip import CLIP
from services.executor.patching.model_patcher import ModelPatcher
from tests.executor.custom.conftest import Load
from tests.executor.diffusion.golden import GOLDEN

LORA = load_file(GOLDEN / "models" / "loras" / "sd15_lora.safetensors")

Pair = tuple[ModelPatcher, CLIP]


@pytest.fixture
def offered(load: Load) -> Callable[[str], Any]:
    load()
    return importlib.import_module


@pytest.fixture
def models() -> Pair:
    found = LoadedCheckpoints().get(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors")
    assert found.model
    assert found.clip
    return found.model, found.clip


def by_hand(lora: Any, models: Pair, tensors: dict[str, Tensor]) -> Pair:
    """What packs do that merge or block parts of a LoRA."""
    model, clip = models[0].clone(), models[1].clone()
    keys = lora.model_lora_keys_clip(clip.cond_stage_model, lora.model_lora_keys_unet(model.model, {}))
    patches = lora.load_lora(tensors, keys)
    assert len(model.add_patches(patches, 0.8)) + len(clip.add_patches(patches, 0.7)) == len(patches)
    return model, clip


def weights_of(pair: Pair) -> dict[str, Tensor]:
    model, clip = pair
    weights: dict[str, Tensor] = {**model.patched().state_dict(), **clip.get_sd()}
    return weights


@torch.inference_mode()
def test_a_lora_by_hand_is_that_in_one(
    offered: Callable[[str], Any], models: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    one = weights_of(offered("comfy.sd").load_lora_for_models(*models, LORA, 0.8, 0.7))
    other, plain = weights_of(by_hand(offered("comfy.lora"), models, LORA)), weights_of(models)
    assert all(torch.equal(one[key], other[key]) for key in one)
    changed = {key.split(".")[0] for key in one if not torch.equal(one[key].float(), plain[key].float())}
    assert changed == {"diffusion_model", "clip_l"}
    assert not caplog.records


@torch.inference_mode()
def test_what_matches_nothing_is_counted(
    offered: Callable[[str], Any], models: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    by_hand(offered("comfy.lora"), models, {**LORA, "lora_te2_x.alpha": torch.ones(1)})
    (record,) = caplog.records
    assert record.getMessage() == f"1 of {len(LORA) + 1} keys of a LoRA match no weight, such as lora_te2_x.alpha"
