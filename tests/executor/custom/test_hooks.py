"""`comfy.hooks`."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from services.executor.custom.modules.comfy_hooks import (
    EnumWeightTarget,
    Hook,
    HookGroup,
    InterpolationMethod,
    WeightHook,
    combine_conditioning,
    create_hook_lora,
    create_hook_model_as_lora,
    create_target_dict,
    get_patch_weights_from_model,
    set_conds_props,
    set_conds_props_and_combine,
    set_default_conds_and_combine,
    set_hooks_for_conditioning,
)
from services.executor.patching.model_patcher import ModelPatcher

EMBEDDING = torch.zeros(1, 1, 1)
MASK = torch.ones(1, 4, 4)


def conditioning(**options: Any) -> list[list[Any]]:
    return [[EMBEDDING, options]]


def options(conditionings: Any) -> list[list[dict[str, Any]]]:
    return [[entry[1] for entry in one] for one in conditionings]


def test_weights_follow_a_method_in_either_order() -> None:
    assert InterpolationMethod._LIST == ["linear", "ease_in", "ease_out", "ease_in_out"]
    weights = InterpolationMethod.get_weights(1.0, 3.0, 3, InterpolationMethod.EASE_IN)
    assert weights.tolist() == [1.0, 1.5, 3.0]
    assert InterpolationMethod.get_weights(1.0, 3.0, 3, "ease_in", reverse=True).tolist() == [3.0, 1.5, 1.0]
    with pytest.raises(ValueError, match="bounce"):
        InterpolationMethod.get_weights(1.0, 3.0, 3, "bounce")


def test_hooks_are_added_or_put_in_place_of_others() -> None:
    first, second = HookGroup([Hook()]), HookGroup([Hook()])
    has = conditioning(hooks=first)
    assert len(set_hooks_for_conditioning(has, second)[0][1]["hooks"]) == 2
    assert set_hooks_for_conditioning(has, second, append_hooks=False)[0][1]["hooks"].hooks == second.hooks
    assert set_hooks_for_conditioning(has, None) is has


def test_properties_are_set_in_each_and_joined_with_the_one_in_its_place() -> None:
    changed = set_conds_props(
        [conditioning(), conditioning(a=1)], 0.5, "default", mask=MASK, timesteps_range=(0.0, 0.5)
    )
    mask = {"mask": MASK, "set_area_to_bounds": False, "mask_strength": 0.5}
    times = {"start_percent": 0.0, "end_percent": 0.5}
    assert options(changed) == [[{**mask, **times}], [{"a": 1, **mask, **times}]]
    hooks = HookGroup([Hook()])
    both = set_conds_props_and_combine([conditioning(a=1)], [conditioning(b=1)], hooks=hooks)
    assert both[0][0][1] == {"a": 1}
    assert both[0][1][1].keys() == {"b", "hooks"}
    with pytest.raises(ValueError, match="zip"):
        set_conds_props_and_combine([conditioning()], [])


def test_fallbacks_and_entries_are_joined() -> None:
    both = set_default_conds_and_combine([conditioning(a=1)], [conditioning(b=1)])
    assert options(both) == [[{"a": 1}, {"b": 1, "default": True}]]
    assert options([combine_conditioning([conditioning(a=1), conditioning(b=1)])]) == [[{"a": 1}, {"b": 1}]]


def test_hooks_are_made_of_files_and_models() -> None:
    (lora,) = create_hook_lora({}, 0.5, 0.25)
    assert isinstance(lora, WeightHook)
    assert (lora.strength_model, lora.strength_clip) == (0.5, 0.25)
    patcher = ModelPatcher(torch.nn.Linear(2, 2))
    weights = get_patch_weights_from_model(patcher)
    assert weights is not None
    (model,) = create_hook_model_as_lora(
        {key: value for key, value in weights.items() if key == "bias"}, None, 1.0, 1.0
    )
    assert isinstance(model, WeightHook)
    assert model.of_model(patcher).keys() == {"bias"}
    assert model.of_encoder(patcher) == {}
    assert get_patch_weights_from_model(None) is None
    assert create_target_dict(EnumWeightTarget.Clip)["target"] is EnumWeightTarget.Clip
