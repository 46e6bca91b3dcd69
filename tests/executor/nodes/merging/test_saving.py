"""Models kept in files and loaded again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from services.errors import InvalidArgument
from services.executor import bundled, environment
from services.executor.diffusion.prediction import Epsilon, Velocity
from services.executor.engine.context import Interrupted
from services.executor.nodes.loaders import CheckpointLoaderSimple
from services.executor.nodes.lora_loaders import LoraLoader
from services.executor.nodes.merging.models import ModelMergeSimple
from services.executor.nodes.merging.saving import CheckpointSave, CLIPSave, ModelSave, VAESave
from services.executor.nodes.patches.sampling_levels import ModelSamplingDiscreteNode
from services.executor.patching.vae import VAE
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.nodes.conftest import Surroundings
from tests.executor.nodes.merging.conftest import FIRST, loaded
from tests.executor.patching.conftest import Loaded

CHECKPOINTS = GOLDEN / "models" / "checkpoints"


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        metadata: dict[str, str] = file.metadata()
    return metadata


@pytest.mark.parametrize("name", [FIRST, "sdxl_small.safetensors"])
def test_a_saved_checkpoint_is_the_one_that_was_loaded(folder: Path, surroundings: Surroundings, name: str) -> None:
    models, with_vae = loaded(name), loaded(FIRST)
    CheckpointSave().save(models.model, models.clip, with_vae.vae, "checkpoints/mine")
    before = load_file(CHECKPOINTS / FIRST) | load_file(CHECKPOINTS / name)
    after = load_file(folder / "checkpoints" / "mine_00001_.safetensors")
    assert before.keys() >= after.keys()
    for key, weight in after.items():
        assert weight.dtype == before[key].dtype
        assert torch.equal(weight, before[key])
    again = loaded("mine_00001_.safetensors")
    assert again.model.model.network.unet.spec == models.model.model.network.unet.spec
    assert again.model.model.network.family is models.model.model.network.family
    assert torch.equal(again.sampled(again.model, steps=1), models.sampled(models.model, steps=1))


def test_changes_are_saved_in_the_dtype_of_the_file(
    first: Loaded, second: Loaded, folder: Path, surroundings: Surroundings
) -> None:
    model, clip = LoraLoader().load_lora(first.model, first.clip, "sd15_lora.safetensors", 0.8, 0.7)
    (model,) = ModelMergeSimple().merge(model, second.model, 0.3)
    CheckpointSave().save(model, clip, first.vae, "checkpoints/mixed")
    again = loaded("mixed_00001_.safetensors")
    for saved, changed in ((again.model, model), (again.clip.patcher, clip.patcher)):
        expected = changed.patched().state_dict()
        for key, weight in saved.model_state_dict().items():
            assert weight.dtype == torch.float16
            assert torch.equal(weight, expected[key].half())


def test_a_checkpoint_says_what_it_is_and_how_it_was_made(
    first: Loaded, folder: Path, surroundings: Surroundings
) -> None:
    CheckpointSave().save(first.model, first.clip, first.vae, "a/mine", {"1": {}}, {"workflow": {"nodes": []}})
    metadata = metadata_of(folder / "a" / "mine_00001_.safetensors")
    assert json.loads(metadata["prompt"]) == {"1": {}}
    assert json.loads(metadata["workflow"]) == {"nodes": []}
    assert metadata["modelspec.architecture"] == "stable-diffusion-v1"
    assert metadata["modelspec.title"] == "mine"
    assert metadata["modelspec.predict_key"] == "epsilon"
    assert json.loads(metadata["silverprint.config"]) == {
        "clip_l": {"num_attention_heads": 4, "hidden_act": "quick_gelu"}
    }


def test_what_no_shape_shows_is_kept(folder: Path, surroundings: Surroundings) -> None:
    before = environment.environment().checkpoints.get(bundled.MODELS / "checkpoints" / "silverprint-tiny.safetensors")
    CheckpointSave().save(before.model, before.clip, before.vae, "checkpoints/tiny")
    after = loaded("tiny_00001_.safetensors")
    assert before.model
    assert before.vae
    one, other = before.model.model.network, after.model.model.network
    assert other.unet.spec == one.unet.spec
    assert other.latent_format == one.latent_format
    assert other.model_sampling.prediction == one.model_sampling.prediction
    assert torch.equal(other.model_sampling.sigmas, one.model_sampling.sigmas)
    assert after.vae.first_stage_model.spec == before.vae.first_stage_model.spec
    assert metadata_of(folder / "checkpoints" / "tiny_00001_.safetensors")["modelspec.predict_key"] == "v"


def test_two_encoders_are_two_files(folder: Path, surroundings: Surroundings) -> None:
    clip = loaded("sdxl_small.safetensors").clip
    CLIPSave().save(clip, "clip/xl")
    assert {path.name for path in (folder / "clip").iterdir()} == {
        "xl_clip_l_00001_.safetensors",
        "xl_clip_g_00001_.safetensors",
    }
    saved = load_file(folder / "clip" / "xl_clip_g_00001_.safetensors")
    own = {key.removeprefix("clip_g.transformer."): weight for key, weight in clip.get_sd().items()}
    assert all(torch.equal(weight, own[key]) for key, weight in saved.items())


@pytest.mark.parametrize(("sampling", "zsnr"), [("v_prediction", True), ("v_prediction", False), ("eps", False)])
def test_what_nodes_changed_about_the_levels_is_kept(
    first: Loaded, folder: Path, surroundings: Surroundings, sampling: str, zsnr: bool
) -> None:
    (model,) = ModelSamplingDiscreteNode().patch(first.model, sampling, zsnr)
    ModelSave().save(model, "checkpoints/mine")
    again = CheckpointLoaderSimple().load_checkpoint("mine_00001_.safetensors")[0]
    assert again.model_sampling.prediction == (Velocity() if sampling == "v_prediction" else Epsilon())
    torch.testing.assert_close(again.model_sampling.sigmas, model.model_sampling.sigmas)


def test_parts_are_saved_alone(first: Loaded, folder: Path, surroundings: Surroundings) -> None:
    ModelSave().save(first.model, "diffusion_models/mine")
    CLIPSave().save(first.clip, "clip/mine", {"1": {}})
    VAESave().save(first.vae, "vae/mine")
    model = load_file(folder / "diffusion_models" / "mine_00001_.safetensors")
    assert model.keys() == {f"model.{key}" for key in first.model.model_state_dict()}
    encoder = load_file(folder / "clip" / "mine_clip_l_00001_.safetensors")
    assert encoder.keys() == {key.removeprefix("clip_l.transformer.") for key in first.clip.get_sd()}
    assert metadata_of(folder / "clip" / "mine_clip_l_00001_.safetensors").keys() >= {"format", "prompt"}
    again = VAE(load_file(folder / "vae" / "mine_00001_.safetensors"))
    latent = torch.randn(1, 4, 8, 8)
    assert torch.equal(again.decode(latent), first.vae.decode(latent))


def test_names_are_numbered(first: Loaded, folder: Path, surroundings: Surroundings) -> None:
    for _ in range(2):
        VAESave().save(first.vae, "vae/%year%")
    assert len(list((folder / "vae").iterdir())) == 2


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (lambda models: CheckpointSave().save(None, models.clip, models.vae, "x"), "^model: "),
        (lambda models: CheckpointSave().save(models.model, None, models.vae, "x"), "^clip: "),
        (lambda models: CheckpointSave().save(models.model, models.clip, None, "x"), "^vae: "),
        (lambda models: ModelSave().save(None, "x"), "^model: "),
        (lambda models: CLIPSave().save(None, "x"), "^clip: "),
        (lambda models: VAESave().save(None, "x"), "^vae: "),
    ],
)
def test_what_is_missing_is_named(first: Loaded, surroundings: Surroundings, save: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        save(first)


def test_a_prefix_that_leads_out_of_the_folder_is_refused(first: Loaded, surroundings: Surroundings) -> None:
    with pytest.raises(InvalidArgument, match="^filename_prefix: "):
        VAESave().save(first.vae, "../../x")


def test_a_run_that_is_asked_to_stop_leaves_no_file(first: Loaded, folder: Path, surroundings: Surroundings) -> None:
    surroundings.run.interrupted.set()
    with pytest.raises(Interrupted):
        VAESave().save(first.vae, "vae/mine")
    assert not (folder / "vae").exists()
