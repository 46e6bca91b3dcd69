from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.batches import repeated
from services.executor.diffusion.conditioning import Condition, Region
from services.executor.diffusion.guidance import predictions
from services.executor.patching.conds import CONDCrossAttn
from services.executor.patching.prediction import sampling_function
from tests.executor.diffusion.golden import MODEL_SAMPLINGS
from tests.executor.diffusion.toy import ToyModel, toy_model

SIGMA = torch.tensor(2.0)


@pytest.fixture
def model() -> ToyModel:
    return toy_model(MODEL_SAMPLINGS["sd15_eps"])


def context(value: float, tokens: int = 1) -> Tensor:
    return torch.full((1, tokens, 1), value)


def alone(model: ToyModel, x: Tensor, value: float) -> Tensor:
    return predictions(model.run, x, SIGMA, [[Condition(context(value))]])[0]


def latent(batch: int = 1, height: int = 4, width: int = 4) -> Tensor:
    return torch.randn(batch, 4, height, width, generator=torch.Generator().manual_seed(0))


def conds(value: float) -> list[dict[str, Any]]:
    """One condition, resolved."""
    return [{"cross_attn": context(value), "model_conds": {"c_crossattn": CONDCrossAttn(context(value))}}]


def test_both_sides_share_one_call_with_the_negative_first(model: ToyModel) -> None:
    predictions(model.run, latent(batch=2), SIGMA, [[Condition(context(1.0))], [Condition(context(-1.0))]])
    (call,) = model.calls
    assert call["shape"] == (4, 4, 4, 4)
    assert call["context"].flatten().tolist() == [-1.0, -1.0, 1.0, 1.0]


def test_the_guided_prediction_goes_beyond_the_positive_one(model: ToyModel) -> None:
    x = latent()
    denoised = sampling_function(model, x, SIGMA.repeat(1), conds(-1.0), conds(1.0), 3.0)
    positive, negative = alone(model, x, 1.0), alone(model, x, -1.0)
    torch.testing.assert_close(denoised, negative + 3.0 * (positive - negative))


def test_at_scale_one_the_negative_side_is_computed_only_when_asked_for(model: ToyModel) -> None:
    for options, batch in (({}, 1), ({"disable_cfg1_optimization": True}, 2)):
        sampling_function(model, latent(), SIGMA.repeat(1), conds(-1.0), conds(1.0), 1.0, model_options=options)
        assert model.calls[-1]["shape"][0] == batch


def test_contexts_of_different_length_are_repeated_to_a_common_one(model: ToyModel) -> None:
    sides = [[Condition(context(1.0, tokens=154))], [Condition(context(2.0, tokens=77 * 3))]]
    predictions(model.run, latent(), SIGMA, sides)
    (call,) = model.calls
    assert call["context"].shape == (2, 462, 1)


def test_contexts_that_would_be_repeated_too_often_run_apart(model: ToyModel) -> None:
    sides = [[Condition(context(1.0, tokens=5))], [Condition(context(2.0, tokens=77))]]
    predictions(model.run, latent(), SIGMA, sides)
    assert [call["context"].shape[1] for call in model.calls] == [5, 77]


def test_conditions_average_by_their_weights(model: ToyModel) -> None:
    x = latent()
    one, other = Condition(context(1.0), weight=3.0), Condition(context(2.0), weight=1.0)
    (combined,) = predictions(model.run, x, SIGMA, [[one, other]])
    torch.testing.assert_close(combined, 0.75 * alone(model, x, 1.0) + 0.25 * alone(model, x, 2.0))
    assert model.calls[0]["shape"][0] == 2


def test_a_condition_with_a_region_acts_there_alone(model: ToyModel) -> None:
    x = latent(height=8, width=8)
    region = Region(4, 8, 4, 0)
    inside = Condition(context(2.0), region=region, weight=torch.ones(1, 1, 4, 8))
    (combined,) = predictions(model.run, x, SIGMA, [[Condition(context(1.0)), inside]])
    torch.testing.assert_close(combined[:, :, :4], alone(model, x, 1.0)[:, :, :4])
    both = (alone(model, x, 1.0) + alone(model, x, 2.0)) / 2
    torch.testing.assert_close(combined[:, :, 4:], both[:, :, 4:])
    assert sorted(call["shape"][2] for call in model.calls[:2]) == [4, 8]


def test_where_no_condition_acts_the_prediction_is_zero(model: ToyModel) -> None:
    x = latent(height=8, width=8)
    inside = Condition(context(2.0), region=Region(4, 8, 0, 0), weight=torch.ones(1, 1, 4, 8))
    (prediction,) = predictions(model.run, x, SIGMA, [[inside]])
    assert not prediction[:, :, 4:].any()
    assert prediction[:, :, :4].all()


def test_a_condition_acts_only_within_its_noise_levels(model: ToyModel) -> None:
    x = latent()
    early = Condition(context(1.0), sigma_start=99.0, sigma_end=3.0)
    late = Condition(context(2.0), sigma_start=3.0, sigma_end=0.0)
    (prediction,) = predictions(model.run, x, SIGMA, [[early, late]])
    torch.testing.assert_close(prediction, alone(model, x, 2.0))
    (early_prediction,) = predictions(model.run, x, torch.tensor(5.0), [[early]])
    assert early_prediction.any()
    (nothing,) = predictions(model.run, x, SIGMA, [[early]])
    assert not nothing.any()


def test_a_batch_is_filled_by_repeating_its_items_in_order() -> None:
    items = torch.tensor([[1.0], [2.0]])
    assert repeated(items, 5).flatten().tolist() == [1, 2, 1, 2, 1]
    assert repeated(items, 1).flatten().tolist() == [1]
