from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from services.executor.diffusion import schedules
from services.executor.diffusion.samplers import SAMPLERS
from services.executor.diffusion.schedules import SCHEDULERS, sigmas_for
from tests.executor.diffusion.golden import MODEL_SAMPLINGS, numbers, table

TOLERANCE = 2e-6


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("kind", MODEL_SAMPLINGS)
def test_a_schedule_visits_the_recorded_levels(kind: str, scheduler: str) -> None:
    recorded = table("schedules")["model_sampling"][kind]["schedules"][scheduler]
    for steps, expected in recorded.items():
        if scheduler == "kl_optimal" and steps == "1":
            continue  # recorded as NaN; see the test below
        sigmas = SCHEDULERS[scheduler](MODEL_SAMPLINGS[kind], int(steps))
        torch.testing.assert_close(sigmas, numbers(expected["sigmas"]), rtol=TOLERANCE, atol=1e-7)


def test_every_recorded_scheduler_is_there_in_order() -> None:
    assert list(SCHEDULERS) == table("schedules")["schedulers"]


def test_a_single_kl_optimal_step_starts_at_the_highest_level() -> None:
    model_sampling = MODEL_SAMPLINGS["sd15_eps"]
    sigmas = SCHEDULERS["kl_optimal"](model_sampling, 1)
    assert sigmas.tolist() == pytest.approx([float(model_sampling.sigma_max), 0.0], rel=1e-5)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_run_takes_the_tail_of_the_schedule_that_its_denoise_asks_for(scheduler: str) -> None:
    cases = [case for case in table("schedules")["ksampler_denoise"] if case["scheduler"] == scheduler]
    assert cases
    for case in cases:
        sampler = SAMPLERS.get(case["sampler"])
        if sampler is None:
            continue
        sigmas = sigmas_for(
            MODEL_SAMPLINGS[case["model_sampling"]],
            scheduler,
            case["steps"],
            denoise=case["denoise"],
            discard_penultimate=sampler.discards_penultimate_sigma,
        )
        torch.testing.assert_close(sigmas, numbers(case["sigmas"]), rtol=TOLERANCE, atol=1e-7, msg=str(case))


NODE_SCHEDULES: dict[str, Callable[..., torch.Tensor]] = {
    "KarrasScheduler": schedules.karras,
    "ExponentialScheduler": schedules.exponential,
    "PolyexponentialScheduler": schedules.polyexponential,
    "LaplaceScheduler": schedules.laplace,
    "VPScheduler": schedules.variance_preserving,
}
RENAMED = {("LaplaceScheduler", "beta"): "scale", ("VPScheduler", "eps_s"): "epsilon"}


@pytest.mark.parametrize("node", NODE_SCHEDULES)
def test_a_schedule_without_a_model_has_the_recorded_levels(node: str) -> None:
    cases = [case for case in table("schedules")["nodes"] if case["node"] == node]
    assert cases
    for case in cases:
        arguments: dict[str, Any] = {RENAMED.get((node, name), name): value for name, value in case["args"].items()}
        sigmas = NODE_SCHEDULES[node](**arguments)
        torch.testing.assert_close(sigmas, numbers(case["outputs"][0]), rtol=TOLERANCE, atol=1e-7, msg=str(case))


def test_a_beta_schedule_takes_its_shape_from_its_parameters() -> None:
    cases = [case for case in table("schedules")["nodes"] if case["node"] == "BetaSamplingScheduler"]
    assert cases
    for case in cases:
        arguments = case["args"]
        sigmas = schedules.beta(
            MODEL_SAMPLINGS[case["model_sampling"]], arguments["steps"], arguments["alpha"], arguments["beta"]
        )
        torch.testing.assert_close(sigmas, numbers(case["outputs"][0]), rtol=TOLERANCE, atol=1e-7, msg=str(case))


def test_an_unknown_scheduler_is_named_in_the_error() -> None:
    with pytest.raises(ValueError, match="unknown scheduler 'linear'"):
        sigmas_for(MODEL_SAMPLINGS["sd15_eps"], "linear", 20)
