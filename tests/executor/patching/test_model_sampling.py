"""The noise levels of a model as nodes know them, against our own."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.patching import model_sampling as known
from tests.executor.diffusion.golden import MODEL_SAMPLINGS

MIXED: dict[str, Any] = {
    "sd15_eps": (known.ModelSamplingDiscrete, known.EPS),
    "sd21_v": (known.ModelSamplingDiscrete, known.V_PREDICTION),
    "edm_continuous": (known.ModelSamplingContinuousEDM, known.EDM),
    "discrete_flow_shift3": (known.ModelSamplingDiscreteFlow, known.CONST),
    "flux_shift1.15": (known.ModelSamplingFlux, known.CONST),
}
PARAMETERS: dict[str, dict[str, float]] = {
    "edm_continuous": {"sigma_min": 0.002, "sigma_max": 80.0, "sigma_data": 0.5},
    "discrete_flow_shift3": {"shift": 3.0},
    "flux_shift1.15": {"shift": 1.15},
}


def mixed(name: str) -> Any:
    made = type("Mixed", MIXED[name], {})()
    if name in PARAMETERS:
        made.set_parameters(**PARAMETERS[name])
    return made


@pytest.mark.parametrize("name", MIXED)
def test_mixed_classes_have_the_levels_and_the_arithmetic_of_ours(name: str) -> None:
    own: ModelSampling = MODEL_SAMPLINGS[name]
    for made in (mixed(name), known.as_nodes_know_it(own)):
        torch.testing.assert_close(made.sigmas, own.sigmas)
        sigma = own.sigmas[700]
        rows = sigma.repeat(2)
        torch.testing.assert_close(made.timestep(rows), own.timestep(rows))
        torch.testing.assert_close(made.sigma(made.timestep(rows)), own.sigma(own.timestep(rows)))
        assert made.percent_to_sigma(0.3) == own.percent_to_sigma(0.3)
        x, output = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
        prediction = own.prediction
        torch.testing.assert_close(made.calculate_input(rows, x), prediction.model_input(x, sigma))
        torch.testing.assert_close(made.calculate_denoised(rows, output, x), prediction.denoised(output, x, sigma))
        torch.testing.assert_close(made.noise_scaling(sigma, x, output), prediction.add_noise(sigma, x, output))
        torch.testing.assert_close(made.inverse_noise_scaling(sigma, x), prediction.finish(sigma, x))


@pytest.mark.parametrize("name", MIXED)
def test_what_nodes_mix_serves_our_samplers(name: str) -> None:
    own, given = MODEL_SAMPLINGS[name], known.as_samplers_know_it(mixed(name))
    sigma = own.sigmas[400]
    x, output = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    assert given.prediction.is_flow == own.prediction.is_flow
    torch.testing.assert_close(given.sigma_max, own.sigma_max)
    torch.testing.assert_close(given.timestep(sigma).float(), own.timestep(sigma).float())
    torch.testing.assert_close(given.prediction.model_input(x, sigma), own.prediction.model_input(x, sigma))
    torch.testing.assert_close(given.prediction.denoised(output, x, sigma), own.prediction.denoised(output, x, sigma))
    for highest in (False, True):
        noisy = given.prediction.add_noise(sigma, x, output, is_maximum=highest)
        torch.testing.assert_close(noisy, own.prediction.add_noise(sigma, x, output, is_maximum=highest))


def test_a_models_own_levels_serve_our_samplers_as_they_are() -> None:
    own = MODEL_SAMPLINGS["sd15_eps"]
    made = known.as_nodes_know_it(own)
    assert known.as_samplers_know_it(made) is own
    made.set_sigmas(own.sigmas * 2)
    torch.testing.assert_close(known.as_samplers_know_it(made).sigmas, own.sigmas * 2)
    torch.testing.assert_close(made.log_sigmas, (own.sigmas * 2).log())
    assert isinstance(made, known.EPS)
    assert not isinstance(made, known.V_PREDICTION)


def test_a_flow_has_its_own_number_of_timesteps() -> None:
    with pytest.raises(ValueError, match="1000 timesteps here, not 500"):
        known.ModelSamplingDiscreteFlow().set_parameters(shift=1.0, timesteps=500)
