"""Nodes that say where, when and how strongly a conditioning applies."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from services.executor.diffusion.hooks import Hook, HookGroup
from services.executor.nodes.conditioning_fallbacks import (
    ConditioningSetDefaultCombine,
    PairConditioningSetDefaultCombine,
)
from services.executor.nodes.conditioning_options import (
    FluxDisableGuidance,
    FluxGuidance,
    FluxKontextMultiReferenceLatentMethod,
    LTXVConditioning,
    ReferenceLatent,
    StableCascade_StageB_Conditioning,
)
from services.executor.nodes.conditioning_properties import (
    ConditioningSetProperties,
    ConditioningSetPropertiesAndCombine,
    ConditioningTimestepsRange,
    PairConditioningCombine,
    PairConditioningSetProperties,
    PairConditioningSetPropertiesAndCombine,
)
from services.executor.nodes.conditioning_regions import (
    ConditioningSetArea,
    ConditioningSetAreaPercentage,
    ConditioningSetAreaPercentageVideo,
    ConditioningSetAreaStrength,
    ConditioningSetMask,
    ConditioningSetTimestepRange,
)

EMBEDDING = torch.zeros(1, 1, 1)
MASK = torch.ones(2, 4, 4)


def conditioning(**options: Any) -> list[list[Any]]:
    return [[EMBEDDING, options]]


def test_an_area_is_set_in_cells() -> None:
    (changed,) = ConditioningSetArea().append(conditioning(kept=1), 64, 128, 16, 39, 0.5)
    assert changed[0][1] == {"kept": 1, "area": (16, 8, 4, 2), "strength": 0.5, "set_area_to_bounds": False}


def test_an_area_is_set_in_shares() -> None:
    (changed,) = ConditioningSetAreaPercentage().append(conditioning(), 0.5, 0.25, 0.1, 0.2, 1.5)
    expected = {"area": ("percentage", 0.25, 0.5, 0.2, 0.1), "strength": 1.5, "set_area_to_bounds": False}
    assert changed[0][1] == expected


def test_a_strength_and_a_range_are_set_in_every_entry_and_not_in_the_given_ones() -> None:
    given = conditioning(strength=2.0) + conditioning()
    assert [options for _, options in ConditioningSetAreaStrength().append(given, 0.5)[0]] == [{"strength": 0.5}] * 2
    (ranged,) = ConditioningSetTimestepRange().set_range(given, 0.25, 0.75)
    assert ranged[1][1] == {"start_percent": 0.25, "end_percent": 0.75}
    assert [options for _, options in given] == [{"strength": 2.0}, {}]


@pytest.mark.parametrize(("set_cond_area", "to_bounds"), [("default", False), ("mask bounds", True)])
def test_a_mask_is_set_with_its_strength(set_cond_area: str, to_bounds: bool) -> None:
    (changed,) = ConditioningSetMask().append(conditioning(), torch.ones(4, 6), set_cond_area, 0.5)
    options = changed[0][1]
    assert options.pop("mask").shape == (1, 4, 6)
    assert options == {"set_area_to_bounds": to_bounds, "mask_strength": 0.5}


def test_a_range_comes_with_what_is_before_and_after() -> None:
    assert ConditioningTimestepsRange().create_range(0.25, 0.75) == ((0.25, 0.75), (0.0, 0.25), (0.75, 1.0))


def test_only_properties_that_are_given_are_set() -> None:
    given = conditioning(kept=1)
    assert ConditioningSetProperties().set_properties(given, 0.5, "default") == (given,)
    (timed,) = ConditioningSetProperties().set_properties(given, 0.5, "default", timesteps=(0.0, 0.5))
    assert timed[0][1] == {"kept": 1, "start_percent": 0.0, "end_percent": 0.5}
    (masked,) = ConditioningSetProperties().set_properties(given, 0.5, "mask bounds", mask=MASK)
    assert masked[0][1] == {"kept": 1, "mask": MASK, "set_area_to_bounds": True, "mask_strength": 0.5}


def test_properties_are_set_in_new_entries_that_then_follow_the_others() -> None:
    (both,) = ConditioningSetPropertiesAndCombine().set_properties(
        conditioning(old=1), conditioning(new=1), 1.0, "default", timesteps=(0.5, 1.0)
    )
    assert [options for _, options in both] == [{"old": 1}, {"new": 1, "start_percent": 0.5, "end_percent": 1.0}]


def test_a_pair_gets_the_same_properties() -> None:
    times = {"start_percent": 0.5, "end_percent": 1.0}
    positive, negative = PairConditioningSetProperties().set_properties(
        conditioning(p=1), conditioning(n=1), 1.0, "default", timesteps=(0.5, 1.0)
    )
    assert positive[0][1] == {"p": 1} | times and negative[0][1] == {"n": 1} | times
    positives, negatives = PairConditioningSetPropertiesAndCombine().set_properties(
        conditioning(p=0), conditioning(n=0), positive, negative, 1.0, "default"
    )
    assert [options for _, options in positives] == [{"p": 0}, {"p": 1} | times]
    assert [options for _, options in negatives] == [{"n": 0}, {"n": 1} | times]


def test_pairs_are_combined_side_by_side() -> None:
    a, b, c, d = (conditioning(**{name: 1}) for name in "abcd")
    assert PairConditioningCombine().combine(a, b, c, d) == (a + c, b + d)


def test_a_part_of_a_video_is_set_in_shares() -> None:
    (changed,) = ConditioningSetAreaPercentageVideo().append(conditioning(), 0.5, 0.25, 0.75, 0.1, 0.2, 0.3, 1.5)
    area = ("percentage", 0.75, 0.25, 0.5, 0.3, 0.2, 0.1)
    assert changed[0][1] == {"area": area, "strength": 1.5, "set_area_to_bounds": False}


def test_hooks_join_those_that_are_there() -> None:
    first, second = Hook(), Hook()
    (once,) = ConditioningSetProperties().set_properties(conditioning(), 1.0, "default", hooks=HookGroup([first]))
    (twice,) = ConditioningSetProperties().set_properties(once, 1.0, "default", hooks=HookGroup([second]))
    assert set(twice[0][1]["hooks"].hooks) == {first, second}
    assert once[0][1]["hooks"].hooks == [first]
    (none,) = ConditioningSetProperties().set_properties(conditioning(), 1.0, "default", hooks=HookGroup())
    assert none[0][1] == {}


def test_a_fallback_follows_what_it_stands_in_for() -> None:
    (both,) = ConditioningSetDefaultCombine().set_default_and_combine(conditioning(a=1), conditioning(b=1))
    assert [options for _, options in both] == [{"a": 1}, {"b": 1, "default": True}]
    hooks = HookGroup([Hook()])
    positive, negative = PairConditioningSetDefaultCombine().set_default_and_combine(
        conditioning(p=1), conditioning(n=1), conditioning(), conditioning(), hooks
    )
    assert positive[0][1] == {"p": 1} and negative[0][1] == {"n": 1}
    for side in (positive, negative):
        assert side[1][1].keys() == {"default", "hooks"}
        assert side[1][1]["hooks"].hooks == hooks.hooks


def test_what_are_no_hooks_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="^hooks: expected hooks, got a object"):
        ConditioningSetProperties().set_properties(conditioning(), 1.0, "default", hooks=object())


def test_options_of_other_families_are_set() -> None:
    (guided,) = FluxGuidance().execute(conditioning(), 2.5)
    assert guided[0][1] == {"guidance": 2.5}
    assert FluxDisableGuidance().execute(guided)[0][0][1] == {"guidance": None}
    for method, name in (("offset", "offset"), ("uxo/uno", "uxo")):
        (chosen,) = FluxKontextMultiReferenceLatentMethod().execute(conditioning(), method)
        assert chosen[0][1] == {"reference_latents_method": name}
    (staged,) = StableCascade_StageB_Conditioning().execute(conditioning(), {"samples": MASK})
    assert staged[0][1]["stable_cascade_prior"] is MASK


def test_reference_latents_add_up() -> None:
    first, second = torch.zeros(1, 4, 1, 1), torch.ones(1, 4, 1, 1)
    (once,) = ReferenceLatent().execute(conditioning(), {"samples": first})
    (twice,) = ReferenceLatent().execute(once, {"samples": second})
    assert once[0][1]["reference_latents"] == [first]
    assert twice[0][1]["reference_latents"] == [first, second]
    assert ReferenceLatent().execute(twice) == (twice,)


def test_the_frame_rate_is_set_on_both_sides() -> None:
    positive, negative = LTXVConditioning().execute(conditioning(p=1), conditioning(n=1), 24.0)
    assert positive[0][1] == {"p": 1, "frame_rate": 24.0}
    assert negative[0][1] == {"n": 1, "frame_rate": 24.0}
