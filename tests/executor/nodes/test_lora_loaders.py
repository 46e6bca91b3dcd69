"""LoRA files that cannot be used, or only in part; those that can are in the recorded workflows."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file

from services.executor import environment
from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.model_folders import ModelFolders
from services.executor.nodes.lora_loaders import LoraLoader, LoraLoaderModelOnly, LoraModelLoader
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.patching.conftest import Loaded

LAYER = "lora_unet_mid_block_attentions_0_proj_in"
TEXT_LAYER = "lora_te_text_model_encoder_layers_0_mlp_fc1"
TENSORS = {f"{LAYER}.lora_up.weight": torch.ones(64, 2), f"{LAYER}.lora_down.weight": torch.ones(2, 64)}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "loras"
    folder.mkdir()
    before = environment.environment()
    environment.install(environment.Environment(ModelFolders((tmp_path, GOLDEN / "models"))))
    yield folder
    environment.install(before)


@pytest.fixture
def models(folder: Path) -> Loaded:
    here = environment.environment()
    models = here.checkpoints.get(here.models.path("checkpoints", "sd15_small.safetensors"))
    assert models.model
    assert models.clip
    assert models.vae
    return Loaded(models.model, models.clip, models.vae)


class Surprise:
    """Would run code when it is unpickled."""

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return Exception, ("it ran",)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("page.safetensors", b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "a web page"),
        ("short.safetensors", save(TENSORS)[:-8], "truncated: its last 8 bytes are missing"),
        ("empty.safetensors", b"", "not a safetensors file"),
        ("bare.safetensors", save({}), "not a LoRA: it holds no tensors by name"),
        ("page.pt", b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "not a LoRA: "),
        ("code.pt", pickle.dumps(Surprise(), protocol=2), "not a LoRA: "),
    ],
    ids=["a page", "cut short", "no bytes", "no tensors", "a page, pickled", "code"],
)
def test_a_file_that_is_none_is_named(folder: Path, models: Loaded, name: str, content: bytes, what: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"^{name} is {what}"):
        LoraLoader().load_lora(models.model, models.clip, name, 1.0, 1.0)


def test_a_file_of_torch_does_as_well(folder: Path, models: Loaded, caplog: pytest.LogCaptureFixture) -> None:
    torch.save({"state_dict": TENSORS}, folder / "mine.pt")
    (model,) = LoraLoaderModelOnly().load_lora_model_only(models.model, "mine.pt", 1.0)
    key = "diffusion_model.middle_block.1.proj_in.weight"
    weight = models.model.model_state_dict()[key].float()
    torch.testing.assert_close(model.patched().state_dict()[key], weight + 2)
    assert not caplog.records


def test_keys_that_match_nothing_are_counted_once(
    folder: Path, models: Loaded, caplog: pytest.LogCaptureFixture
) -> None:
    of_another_family = {f"{LAYER}.lora_up.weight": torch.ones(640, 2), f"{LAYER}.lora_down.weight": torch.ones(2, 640)}
    save_file({**of_another_family, "lora_te2_x.alpha": torch.ones(1)}, folder / "xl.safetensors")
    model, clip = LoraLoader().load_lora(models.model, models.clip, "xl.safetensors", 1.0, 1.0)
    assert model.patched() is models.model.model
    assert clip.patcher.patched() is models.clip.cond_stage_model
    (record,) = caplog.records
    assert record.getMessage().startswith("xl.safetensors: 3 of 3 keys match no weight and are left out")


def test_what_is_for_the_text_encoder_is_not_missed_where_there_is_none(
    folder: Path, models: Loaded, caplog: pytest.LogCaptureFixture
) -> None:
    save_file({**TENSORS, f"{TEXT_LAYER}.diff": torch.ones(96, 24)}, folder / "both.safetensors")
    (model,) = LoraLoaderModelOnly().load_lora_model_only(models.model, "both.safetensors", 1.0)
    assert list(model.patches) == ["diffusion_model.middle_block.1.proj_in.weight"]
    assert not caplog.records


@pytest.mark.parametrize(
    "name",
    [
        f"{LAYER}.lora_up.weight",
        "lora_unet_middle_block_1_proj_in.lora_up.weight",
        "diffusion_model.middle_block.1.proj_in.lora_B.weight",
        "unet.mid_block.attentions.0.proj_in.lora_B.weight",
        "unet.mid_block.attentions.0.proj_in.lora.up.weight",
        "mid_block.attentions.0.proj_in_lora.up.weight",
    ],
)
def test_trainers_name_layers_in_many_ways(folder: Path, models: Loaded, name: str) -> None:
    down = name.replace("lora_up", "lora_down").replace("lora_B", "lora_A").replace(".up.", ".down.")
    save_file({name: torch.ones(64, 2), down: torch.ones(2, 64)}, folder / "mine.safetensors")
    (model,) = LoraLoaderModelOnly().load_lora_model_only(models.model, "mine.safetensors", 1.0)
    assert list(model.patches) == ["diffusion_model.middle_block.1.proj_in.weight"]


def test_attention_has_the_names_of_earlier_versions_of_diffusers(folder: Path, models: Loaded) -> None:
    attention = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora"
    save_file(
        {f"{attention}.up.weight": torch.ones(64, 2), f"{attention}.down.weight": torch.ones(2, 64)}, folder / "x.sft"
    )
    (model,) = LoraLoaderModelOnly().load_lora_model_only(models.model, "x.sft", 1.0)
    assert list(model.patches) == ["diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_out.0.weight"]


def test_a_lora_of_no_strength_is_not_even_read(folder: Path, models: Loaded) -> None:
    assert LoraLoader().load_lora(models.model, models.clip, "nowhere", 0.0, 0.0) == (models.model, models.clip)


def test_a_lora_of_another_node_changes_a_model_as_that_of_a_file_does(folder: Path, models: Loaded) -> None:
    save_file(TENSORS, folder / "mine.safetensors")
    (of_file,) = LoraLoaderModelOnly().load_lora_model_only(models.model, "mine.safetensors", 0.5)
    (of_node,) = LoraModelLoader().load_lora_model(models.model, TENSORS, 0.5)
    assert of_node is not None
    key = "diffusion_model.middle_block.1.proj_in.weight"
    assert torch.equal(of_node.patched().state_dict()[key], of_file.patched().state_dict()[key])
    assert LoraModelLoader().load_lora_model(models.model, TENSORS, 0.0) == (models.model,)
    with pytest.raises(ValueError, match="^model: "):
        LoraModelLoader().load_lora_model(None, TENSORS, 0.5)
