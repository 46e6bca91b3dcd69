"""Conditions that apply only where no other does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.conditioning import Condition, Region
from services.executor.diffusion.fallbacks import applying
from services.executor.diffusion.guidance import predictions
from services.executor.patching.conds import condition_of, convert_cond, process_conds
from tests.executor.diffusion.golden import MODEL_SAMPLINGS
from tests.executor.diffusion.toy import conditioning, toy_model

LATENT = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
SIGMA = torch.tensor(2.0)


def context(value: float) -> Tensor:
    return torch.full((1, 1, 1), value)


FALLBACK = Condition(context(-1.0), is_fallback=True)
TOP = Condition(context(1.0), region=Region(4, 8, 0, 0), weight=torch.ones(1, 1, 4, 8))


def test_a_fallback_applies_where_the_others_do_not() -> None:
    model = toy_model(MODEL_SAMPLINGS["sd15_eps"])
    (both,) = predictions(model.run, LATENT, SIGMA, [[FALLBACK, TOP]])
    (top,) = predictions(model.run, LATENT, SIGMA, [[TOP]])
    (everywhere,) = predictions(model.run, LATENT, SIGMA, [[replace(FALLBACK, is_fallback=False)]])
    torch.testing.assert_close(both[:, :, :4], top[:, :, :4])
    torch.testing.assert_close(both[:, :, 4:], everywhere[:, :, 4:])


def test_a_fallback_fills_up_what_the_others_leave_of_one() -> None:
    mask = torch.rand(2, 1, 8, 8)
    half = Condition(context(1.0), weight=mask)
    whole, fallback = applying([half, FALLBACK], 2.0, LATENT)
    assert whole is half
    torch.testing.assert_close(fallback.weight, 1 - mask)
    (_, _, shared) = applying([half, replace(half, weight=0.75), FALLBACK], 2.0, LATENT)
    torch.testing.assert_close(shared.weight, (0.25 - mask).clamp(min=0))


def test_a_fallback_within_a_region_keeps_to_it() -> None:
    inside = replace(FALLBACK, region=Region(8, 4, 0, 0), weight=torch.full((1, 1, 8, 4), 0.5))
    weight = applying([TOP, inside], 2.0, LATENT)[1].weight
    assert isinstance(weight, Tensor)
    assert weight.shape == (2, 1, 8, 4)
    assert not weight[:, :, :4].any() and bool((weight[:, :, 4:] == 0.5).all())


def test_a_fallback_is_left_out_beside_one_that_is_whole_and_stays_alone_beside_none() -> None:
    whole = Condition(context(1.0), sigma_end=3.0)
    assert applying([whole, FALLBACK], 5.0, LATENT) == [whole]
    assert applying([whole, FALLBACK], 2.0, LATENT) == [FALLBACK]


def test_the_option_of_a_conditioning_makes_a_fallback() -> None:
    (cond,) = convert_cond(conditioning(2.0, default=True))
    processed = process_conds(toy_model(MODEL_SAMPLINGS["sd15_eps"]), LATENT, {"positive": [cond]}, LATENT.device)
    assert condition_of(processed["positive"][0], LATENT).is_fallback


def test_an_area_of_a_video_is_refused_by_name() -> None:
    conds = convert_cond(conditioning(1.0, area=("percentage", 1.0, 1.0, 1.0, 0.0, 0.0, 0.0)))
    with pytest.raises(ValueError, match="^area: the conditioning is for a part of a video"):
        process_conds(toy_model(MODEL_SAMPLINGS["sd15_eps"]), LATENT, {"positive": conds}, LATENT.device)
