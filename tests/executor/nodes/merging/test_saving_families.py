"""Models of all families kept in files and loaded again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from services.executor.diffusion.prediction import Velocity
from services.executor.nodes import NODE_CLASSES
from services.executor.nodes.loaders import CheckpointLoaderSimple
from services.executor.nodes.merging.saving import CheckpointSave, ModelSave
from tests.executor.diffusion.families.small import SMALL, saved
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.nodes.conftest import Surroundings
from tests.executor.nodes.merging.conftest import FIRST, loaded

XL = "sdxl_small.safetensors"


def test_a_saved_checkpoint_with_two_text_encoders_is_the_one_that_was_loaded(
    folder: Path, surroundings: Surroundings
) -> None:
    model, clip, _ = CheckpointLoaderSimple().load_checkpoint(XL)
    CheckpointSave().save(model, clip, loaded(FIRST).vae, "checkpoints/mine")
    before = load_file(GOLDEN / "models" / "checkpoints" / XL)
    after = load_file(folder / "checkpoints" / "mine_00001_.safetensors")
    own = {name: weight for name, weight in after.items() if not name.startswith("first_stage_model.")}
    assert before.keys() - own.keys() == {"conditioner.embedders.1.model.logit_scale"}
    assert own.keys() <= before.keys()
    assert all(torch.equal(weight, before[name]) for name, weight in own.items())
    again, encoders, _ = CheckpointLoaderSimple().load_checkpoint("mine_00001_.safetensors")
    assert again.model.network.unet.spec == model.model.network.unet.spec
    tokens = clip.tokenize("a (red:1.3) house")
    for one, other in zip(
        clip.encode_from_tokens(tokens, True), encoders.encode_from_tokens(tokens, True), strict=True
    ):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", SMALL)
def test_a_saved_network_is_of_the_family_that_it_was(name: str, folder: Path, surroundings: Surroundings) -> None:
    (folder / "checkpoints").mkdir(parents=True)
    before = CheckpointLoaderSimple().load_checkpoint(saved(name, folder / "checkpoints").name)[0]
    ModelSave().save(before, "checkpoints/again")
    after = CheckpointLoaderSimple().load_checkpoint("again_00001_.safetensors")[0]
    one, other = before.model.network, after.model.network
    assert one.family is other.family
    assert one.unet.spec == other.unet.spec
    assert type(one.concatenation) is type(other.concatenation)
    assert one.model_sampling.prediction == other.model_sampling.prediction
    assert torch.equal(one.model_sampling.sigmas, other.model_sampling.sigmas)


@pytest.mark.parametrize(
    "markers",
    [
        {"v_pred": torch.zeros(1)},
        {"v_pred": torch.zeros(1), "ztsnr": torch.ones(1)},
        {"edm_vpred.sigma_max": torch.tensor(80.0), "edm_vpred.sigma_min": torch.tensor(0.01)},
        {"edm_mean": torch.tensor([1.0, 2.0, 3.0, 4.0]), "edm_std": torch.tensor([5.0, 6.0, 7.0, 8.0])},
    ],
)
def test_how_a_network_was_trained_is_kept(
    markers: dict[str, Tensor], folder: Path, surroundings: Surroundings
) -> None:
    (folder / "checkpoints").mkdir(parents=True)
    before = CheckpointLoaderSimple().load_checkpoint(saved("sdxl", folder / "checkpoints", markers).name)[0]
    ModelSave().save(before, "checkpoints/again")
    assert load_file(folder / "checkpoints" / "again_00001_.safetensors").keys() >= markers.keys()
    after = CheckpointLoaderSimple().load_checkpoint("again_00001_.safetensors")[0]
    one, other = before.model.network, after.model.network
    assert one.model_sampling.prediction == other.model_sampling.prediction
    torch.testing.assert_close(one.model_sampling.sigmas, other.model_sampling.sigmas)
    assert one.latent_format == other.latent_format


def test_levels_that_a_node_gave_a_model_are_kept(folder: Path, surroundings: Surroundings) -> None:
    before = CheckpointLoaderSimple().load_checkpoint(XL)[0]
    node: Any = NODE_CLASSES["ModelSamplingContinuousEDM"]
    (changed,) = getattr(node(), node.FUNCTION)(before, "v_prediction", 100.0, 0.002)
    ModelSave().save(changed, "checkpoints/again")
    after = CheckpointLoaderSimple().load_checkpoint("again_00001_.safetensors")[0]
    torch.testing.assert_close(after.model_sampling.sigmas, changed.model_sampling.sigmas)


def test_a_prediction_that_a_node_gave_a_model_is_kept(folder: Path, surroundings: Surroundings) -> None:
    before = CheckpointLoaderSimple().load_checkpoint(XL)[0]
    node: Any = NODE_CLASSES["ModelSamplingDiscrete"]
    (changed,) = getattr(node(), node.FUNCTION)(before, "v_prediction", True)
    ModelSave().save(changed, "checkpoints/again")
    assert load_file(folder / "checkpoints" / "again_00001_.safetensors").keys() >= {"v_pred", "ztsnr"}
    after = CheckpointLoaderSimple().load_checkpoint("again_00001_.safetensors")[0]
    assert isinstance(after.model_sampling.prediction, Velocity)
    torch.testing.assert_close(after.model_sampling.sigmas, changed.model_sampling.sigmas)


def test_what_prepares_pictures_is_kept(folder: Path, surroundings: Surroundings) -> None:
    (folder / "checkpoints").mkdir(parents=True)
    statistics = {"noise_augmentor.data_mean": torch.randn(1, 32), "noise_augmentor.data_std": torch.rand(1, 32)}
    before = CheckpointLoaderSimple().load_checkpoint(saved("sd2-unclip", folder / "checkpoints", statistics).name)[0]
    ModelSave().save(before, "checkpoints/again")
    after = load_file(folder / "checkpoints" / "again_00001_.safetensors")
    assert all(torch.equal(after[name], tensor) for name, tensor in statistics.items())
