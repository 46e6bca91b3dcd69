"""Diffusion models made of two."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.nodes import NODE_CLASSES
from services.executor.nodes.merging.models import (
    ModelMergeAdd,
    ModelMergeBlocks,
    ModelMergeSimple,
    ModelMergeSubtract,
)
from services.executor.patching.model_patcher import ModelPatcher
from tests.executor.patching.conftest import Loaded

PREFIX = "diffusion_model."
BLOCKS: Any = NODE_CLASSES["ModelMergeSD1"]


def weights(model: ModelPatcher) -> dict[str, Tensor]:
    return {key: value.float() for key, value in model.patched().state_dict().items() if key.startswith(PREFIX)}


def assert_mixed(model: ModelPatcher, one: Loaded, other: Loaded, first: float, second: float) -> None:
    found, ones, others = weights(model), weights(one.model), weights(other.model)
    for key, weight in found.items():
        torch.testing.assert_close(weight, ones[key] * first + others[key] * second, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("ratio", [0.0, 0.25, 1.0])
def test_an_average_is_as_near_to_the_first_as_the_ratio_says(first: Loaded, second: Loaded, ratio: float) -> None:
    before = weights(first.model)
    assert_mixed(ModelMergeSimple().merge(first.model, second.model, ratio)[0], first, second, ratio, 1 - ratio)
    assert all(torch.equal(weight, before[key]) for key, weight in weights(first.model).items())


def test_a_difference_can_be_multiplied(first: Loaded, second: Loaded) -> None:
    assert_mixed(ModelMergeSubtract().merge(first.model, second.model, -2.0)[0], first, second, -2, 2)


def test_a_difference_added_again_gives_what_it_was_taken_from(first: Loaded, second: Loaded) -> None:
    (difference,) = ModelMergeSubtract().merge(second.model, first.model, 1.0)
    assert_mixed(ModelMergeAdd().merge(first.model, difference)[0], first, second, 0, 1)


def test_a_mixture_is_mixed_on(first: Loaded, second: Loaded) -> None:
    (half,) = ModelMergeSimple().merge(first.model, second.model, 0.5)
    assert_mixed(ModelMergeSimple().merge(half, second.model, 0.5)[0], first, second, 0.25, 0.75)


def test_a_mixture_of_equals_predicts_as_they_do(first: Loaded) -> None:
    (same,) = ModelMergeSimple().merge(first.model, first.model, 0.5)
    torch.testing.assert_close(first.sampled(same), first.sampled(first.model), rtol=1e-3, atol=1e-3)


def test_stages_have_ratios_of_their_own(first: Loaded, second: Loaded) -> None:
    (mixed,) = ModelMergeBlocks().merge(first.model, second.model, input=1.0, middle=0.5, out=0.0)
    found, ones, others = weights(mixed), weights(first.model), weights(second.model)
    for key, weight in found.items():
        name = key.removeprefix(PREFIX)
        share = 0.0 if name.startswith("out") else 0.5 if name.startswith("middle_block") else 1.0
        torch.testing.assert_close(weight, ones[key] * share + others[key] * (1 - share), atol=1e-6, rtol=1e-5)


def test_blocks_are_told_apart_by_their_whole_number(first: Loaded, second: Loaded) -> None:
    ratios = dict.fromkeys(BLOCKS.PARTS, 1.0) | {"input_blocks.1.": 0.0}
    (mixed,) = BLOCKS().merge(first.model, second.model, **ratios)
    ones, others = weights(first.model), weights(second.model)
    for key, weight in weights(mixed).items():
        assert torch.equal(weight, (others if ".input_blocks.1." in key else ones)[key])


def test_a_pack_may_name_other_parts(first: Loaded, second: Loaded) -> None:
    class MiddleAlone(ModelMergeBlocks):
        pass

    (mixed,) = MiddleAlone().merge(first.model, second.model, **{"input_blocks.": 1.0, "middle_block.1.": 0.0})
    ones, others = weights(first.model), weights(second.model)
    for key, weight in weights(mixed).items():
        assert torch.equal(weight, (others if ".middle_block.1." in key else ones)[key])


def test_every_weight_is_in_a_part_of_its_family(first: Loaded) -> None:
    names = [key.removeprefix(PREFIX) for key in weights(first.model)]
    assert all(name.startswith(BLOCKS.PARTS) for name in names)


def test_what_has_no_counterpart_stays(first: Loaded, second: Loaded, caplog: pytest.LogCaptureFixture) -> None:
    key = f"{PREFIX}out.2.weight"
    second.model.model.diffusion_model.out[2].weight = torch.nn.Parameter(torch.ones(9, 32, 3, 3))
    with caplog.at_level(logging.WARNING):
        (mixed,) = ModelMergeSimple().merge(first.model, second.model, 0.5)
    assert torch.equal(weights(mixed)[key], weights(first.model)[key])
    (record,) = caplog.records
    assert record.getMessage().startswith("model2: 1 of ")


def test_models_that_are_missing_or_have_nothing_in_common_are_named(first: Loaded) -> None:
    with pytest.raises(ValueError, match="^model1: "):
        ModelMergeAdd().merge(None, first.model)
    with pytest.raises(ValueError, match="^model2: "):
        ModelMergeAdd().merge(first.model, None)
    stranger = ModelPatcher(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match="^model2: none of its 0 weights"):
        ModelMergeAdd().merge(first.model, stranger)
