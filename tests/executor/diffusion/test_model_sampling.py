from __future__ import annotations

import pytest
import torch

from tests.executor.diffusion.golden import MODEL_SAMPLINGS, numbers, table


@pytest.mark.parametrize("kind", MODEL_SAMPLINGS)
def test_the_table_of_levels_is_the_recorded_one(kind: str) -> None:
    recorded = table("schedules")["model_sampling"][kind]
    sigmas = MODEL_SAMPLINGS[kind].sigmas
    assert len(sigmas) == recorded["n_sigmas"]
    every = sigmas[:: recorded["table_stride"]]
    torch.testing.assert_close(every, numbers(recorded["sigmas_table"]), rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", MODEL_SAMPLINGS)
def test_a_share_of_sampling_becomes_the_recorded_level(kind: str) -> None:
    model_sampling = MODEL_SAMPLINGS[kind]
    for percent, sigma in table("schedules")["model_sampling"][kind]["percent_to_sigma"]:
        assert model_sampling.percent_to_sigma(percent) == pytest.approx(sigma, rel=2e-6)


@pytest.mark.parametrize("kind", MODEL_SAMPLINGS)
def test_a_level_becomes_the_recorded_timestep(kind: str) -> None:
    model_sampling = MODEL_SAMPLINGS[kind]
    for share, timestep in table("schedules")["model_sampling"][kind]["timestep_of_sigma"]:
        sigma = torch.tensor(share)
        assert float(model_sampling.timestep(sigma)) == pytest.approx(timestep, rel=2e-6), share


@pytest.mark.parametrize("kind", [kind for kind in MODEL_SAMPLINGS if not MODEL_SAMPLINGS[kind].prediction.is_flow])
def test_a_levels_timestep_leads_back_to_it(kind: str) -> None:
    model_sampling = MODEL_SAMPLINGS[kind]
    for level in model_sampling.sigmas[::97]:
        torch.testing.assert_close(model_sampling.sigma(model_sampling.timestep(level)), level, rtol=1e-5, atol=0)
