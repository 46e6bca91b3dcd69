"""Levels of rectified flows in the place of a model's own."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from services.executor.nodes.patches.flow_levels import (
    ModelSamplingAuraFlow,
    ModelSamplingFluxNode,
    ModelSamplingLTXV,
    ModelSamplingSD3,
)
from services.executor.patching.model_patcher import ModelPatcher
from tests.executor.diffusion.golden import numbers, table
from tests.executor.patching.conftest import Loaded, loaded

__all__ = ["loaded"]

RECORDED = table("schedules")["model_sampling"]


def levels_of(model: ModelPatcher) -> Any:
    return model.get_model_object("model_sampling")


def assert_recorded(model: ModelPatcher, kind: str) -> None:
    found, recorded = levels_of(model), RECORDED[kind]
    expected = numbers(recorded["sigmas_table"])
    torch.testing.assert_close(found.sigmas[:: recorded["table_stride"]], expected, rtol=1e-6, atol=0)


def test_a_shift_moves_the_levels_as_recorded(loaded: Loaded) -> None:
    (model,) = ModelSamplingSD3().patch(loaded.model, 3.0)
    assert_recorded(model, "discrete_flow_shift3")
    assert float(levels_of(model).timestep(torch.tensor(0.5))) == 500.0
    assert levels_of(loaded.model) is loaded.model.model.model_sampling


def test_the_network_of_auraflow_is_given_the_time_itself(loaded: Loaded) -> None:
    (model,) = ModelSamplingAuraFlow().patch_aura(loaded.model, 3.0)
    assert float(levels_of(model).timestep(torch.tensor(0.5))) == 0.5
    assert_recorded(model, "discrete_flow_shift3")


def test_the_shift_of_flux_grows_with_the_picture(loaded: Loaded) -> None:
    (largest,) = ModelSamplingFluxNode().patch(loaded.model, 1.15, 0.5, 1024, 1024)
    assert_recorded(largest, "flux_shift1.15")
    (smallest,) = ModelSamplingFluxNode().patch(loaded.model, 1.15, 0.5, 256, 256)
    assert levels_of(smallest).shift == pytest.approx(0.5)
    middle = levels_of(smallest).sigma(torch.tensor(0.5))
    assert float(middle) == pytest.approx(math.exp(0.5) / (math.exp(0.5) + 1))


def test_the_shift_of_a_video_grows_with_its_cells(loaded: Loaded) -> None:
    video = {"samples": torch.zeros(1, 128, 4, 16, 16)}
    assert levels_of(ModelSamplingLTXV().patch(loaded.model, 2.05, 0.95, video)[0]).shift == pytest.approx(0.95)
    assert levels_of(ModelSamplingLTXV().patch(loaded.model, 2.05, 0.95)[0]).shift == pytest.approx(2.05)


def test_a_model_samples_over_such_levels(loaded: Loaded) -> None:
    (model,) = ModelSamplingSD3().patch(loaded.model, 3.0)
    sampled = loaded.sampled(model)
    assert bool(sampled.isfinite().all())
    assert not torch.allclose(sampled, loaded.sampled(loaded.model))


def test_what_cannot_be_a_shift_is_named(loaded: Loaded) -> None:
    with pytest.raises(ValueError, match="^shift: "):
        ModelSamplingSD3().patch(loaded.model, 0.0)
    with pytest.raises(ValueError, match="^max_shift, base_shift: .*none so large"):
        ModelSamplingFluxNode().patch(loaded.model, 100.0, 0.0, 16384, 16384)
    for node, inputs in ((ModelSamplingSD3, (3.0,)), (ModelSamplingFluxNode, (1.15, 0.5, 1024, 1024))):
        with pytest.raises(ValueError, match="^model: "):
            node().patch(None, *inputs)
