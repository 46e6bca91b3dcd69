from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from services.executor.diffusion.checkpoints import CheckpointError, load_checkpoint
from services.executor.diffusion.checkpoints.configuration import CONFIGURATION_KEY
from services.executor.diffusion.checkpoints.network import UNET_PREFIX
from services.executor.diffusion.model_sampling import LogarithmicSampling, stable_diffusion_sampling
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from services.executor.diffusion.prediction import Epsilon, Preconditioned, Prediction, Velocity
from tests.executor.diffusion.families.published import shapes_of
from tests.executor.diffusion.families.small import SMALL, saved

MARK = torch.zeros(1)


def _network(path: Path) -> LatentDiffusionModel:
    model = load_checkpoint(path).model
    assert model is not None
    return model


def test_a_marker_says_that_the_velocity_is_predicted(tmp_path: Path) -> None:
    sampling = _network(saved("sdxl", tmp_path, {"v_pred": MARK})).model_sampling
    assert isinstance(sampling.prediction, Velocity)
    assert torch.equal(sampling.sigmas, stable_diffusion_sampling().sigmas)


def test_another_marker_says_that_the_last_level_has_no_signal(tmp_path: Path) -> None:
    sampling = _network(saved("sdxl", tmp_path, {"v_pred": MARK, "ztsnr": torch.ones(1)})).model_sampling
    assert float(sampling.sigma_max) > 4000


def test_statistics_of_latents_stand_for_the_preconditioning_and_the_latents_of_playground(tmp_path: Path) -> None:
    mean, deviation = torch.tensor([-1.5, 2.0, -1.0, 2.5]), torch.tensor([8.0, 6.0, 6.5, 5.0])
    markers = {"edm_mean": mean.view(1, 4, 1, 1), "edm_std": deviation.view(1, 4, 1, 1)}
    network = _network(saved("sdxl", tmp_path, markers))
    assert isinstance(network.model_sampling.prediction, Preconditioned)
    assert network.model_sampling.prediction.sigma_data == 0.5
    assert float(network.model_sampling.sigma_max) == pytest.approx(80)
    assert float(network.model_sampling.sigma_min) == pytest.approx(0.002)
    latent = torch.randn(2, 4, 3, 5)
    scaled = network.latent_format.to_model(latent)
    torch.testing.assert_close(scaled, (latent - mean.view(4, 1, 1)) / deviation.view(4, 1, 1) * 0.5)


@pytest.mark.parametrize(("given", "least"), [({}, 0.002), ({"edm_vpred.sigma_min": torch.tensor(0.01)}, 0.01)])
def test_a_highest_level_stands_for_a_velocity_at_logarithmic_levels(
    given: dict[str, Tensor], least: float, tmp_path: Path
) -> None:
    markers = {"edm_vpred.sigma_max": torch.tensor(120.0), **given}
    sampling = _network(saved("sdxl", tmp_path, markers)).model_sampling
    assert isinstance(sampling, LogarithmicSampling)
    assert isinstance(sampling.prediction, Velocity)
    assert float(sampling.sigma_max) == pytest.approx(120)
    assert float(sampling.sigma_min) == pytest.approx(least)


@pytest.mark.parametrize("key", ["modelspec.prediction_type", "modelspec.predict_key"])
def test_metadata_says_what_is_predicted_and_markers_come_before_it(key: str, tmp_path: Path) -> None:
    said: dict[str, Prediction] = {"epsilon": Epsilon(), "v": Velocity()}
    for word, prediction in said.items():
        assert _network(saved("sd2", tmp_path, metadata={key: word})).model_sampling.prediction == prediction
    marked = saved("sdxl", tmp_path, {"v_pred": MARK}, {key: "epsilon"})
    assert _network(marked).model_sampling.prediction == Velocity()


def test_our_own_configuration_comes_before_everything_else(tmp_path: Path) -> None:
    metadata = {CONFIGURATION_KEY: json.dumps({"prediction": "eps"}), "modelspec.prediction_type": "v"}
    assert _network(saved("sdxl", tmp_path, {"v_pred": MARK}, metadata)).model_sampling.prediction == Epsilon()


@pytest.mark.parametrize("name", ["sd1", "sdxl", "sdxl-refiner"])
def test_a_file_that_says_nothing_predicts_noise_in_most_families(name: str, tmp_path: Path) -> None:
    assert _network(saved(name, tmp_path)).model_sampling.prediction == Epsilon()


def test_models_that_are_shown_pictures_predict_the_velocity(tmp_path: Path) -> None:
    assert _network(saved("sd2-unclip", tmp_path)).model_sampling.prediction == Velocity()


@pytest.mark.parametrize(("spread", "prediction"), [(0.1, Velocity()), (0.08, Epsilon())])
def test_the_last_transformer_of_the_second_version_shows_what_is_predicted(
    spread: float, prediction: Prediction, tmp_path: Path
) -> None:
    assert _network(_spread("sd2", spread, tmp_path)).model_sampling.prediction == prediction


@pytest.mark.parametrize("name", ["sd2-inpainting", "sd2-depth"])
def test_networks_of_the_second_version_with_more_than_a_latent_predict_noise(name: str, tmp_path: Path) -> None:
    assert _network(_spread(name, 0.5, tmp_path)).model_sampling.prediction == Epsilon()


def _spread(name: str, spread: float, folder: Path) -> Path:
    """A file whose last transformer has half of the biases of its first norm at `spread`, the others at minus that."""
    weights = {UNET_PREFIX + key: torch.zeros(shape) for key, shape in shapes_of(SMALL[name]).items()}
    numbered = (key for key in weights if key.endswith("transformer_blocks.0.norm1.bias") and "output_blocks" in key)
    biases = weights[max(numbered, key=lambda key: int(key.split("output_blocks.")[1].split(".")[0]))]
    biases.fill_(spread)[::2] *= -1
    save_file(weights, folder / "file.safetensors")
    return folder / "file.safetensors"


def test_a_network_with_channels_that_nothing_gives_is_refused(tmp_path: Path) -> None:
    weights = {f"{UNET_PREFIX}{key}": torch.zeros(shape) for key, shape in shapes_of(SMALL["sd1"]).items()}
    weights[f"{UNET_PREFIX}input_blocks.0.0.weight"] = torch.zeros(64, 11, 3, 3)
    save_file(weights, tmp_path / "odd.safetensors")
    with pytest.raises(CheckpointError, match=r"odd\.safetensors: its UNet takes 11 channels, which nothing"):
        load_checkpoint(tmp_path / "odd.safetensors")
