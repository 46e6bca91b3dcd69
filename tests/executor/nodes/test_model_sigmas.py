"""Noise levels out of a model's, against what was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from services.executor.diffusion.model_sampling import BEFORE_EVERY_SIGMA, ModelSampling
from services.executor.nodes.model_sigmas import (
    BasicScheduler,
    BetaSamplingScheduler,
    SamplingPercentToSigma,
    SDTurboScheduler,
)
from tests.executor.diffusion.golden import MODEL_SAMPLINGS, numbers, table

TOLERANCE = 2e-6
NODES: dict[str, Any] = {node.__name__: node for node in (BasicScheduler, BetaSamplingScheduler, SDTurboScheduler)}


@dataclass
class Model:
    """As much of a model as these nodes look at."""

    model_sampling: ModelSampling


STABLE_DIFFUSION = Model(MODEL_SAMPLINGS["sd15_eps"])


@pytest.mark.parametrize("name", NODES)
def test_levels_equal_the_recorded_ones(name: str) -> None:
    cases = [case for case in table("schedules")["nodes"] if case["node"] == name]
    assert cases
    for case in cases:
        model = Model(MODEL_SAMPLINGS[case["model_sampling"]])
        (sigmas,) = NODES[name]().get_sigmas(model, **case["args"])
        torch.testing.assert_close(sigmas, numbers(case["outputs"][0]), rtol=TOLERANCE, atol=1e-7, msg=str(case))


def test_no_noise_to_remove_leaves_no_levels_to_visit() -> None:
    assert BasicScheduler().get_sigmas(STABLE_DIFFUSION, "karras", 5, 0.0)[0].tolist() == []
    assert SDTurboScheduler().get_sigmas(STABLE_DIFFUSION, 5, 0.0)[0].tolist() == [0.0]


@pytest.mark.parametrize(
    ("percent", "actual", "sigma"),
    [(0.0, True, 14.614643), (1.0, True, 0.029167177), (0.0, False, BEFORE_EVERY_SIGMA), (1.0, False, 0)],
)
def test_the_ends_are_beyond_all_levels_or_the_models_own(percent: float, actual: bool, sigma: float) -> None:
    found = SamplingPercentToSigma().get_sigma(STABLE_DIFFUSION, percent, actual)[0]
    assert found == pytest.approx(sigma, rel=1e-6)


def test_levels_fall_with_the_share_of_the_sampling() -> None:
    levels = [SamplingPercentToSigma().get_sigma(STABLE_DIFFUSION, share, True)[0] for share in (0.0, 0.25, 0.5, 1.0)]
    assert levels == sorted(levels, reverse=True)


def test_what_is_missing_or_not_possible_is_named() -> None:
    with pytest.raises(ValueError, match="^model: "):
        BasicScheduler().get_sigmas(None, "karras", 5, 1.0)
    with pytest.raises(ValueError, match="^alpha: must be above zero"):
        BetaSamplingScheduler().get_sigmas(STABLE_DIFFUSION, 5, alpha=0.0, beta=0.6)
