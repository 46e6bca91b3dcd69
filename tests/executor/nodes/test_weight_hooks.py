"""Hooks that change weights, in nodes and in pictures."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor

from services.errors import NotFound
from services.executor.diffusion.hooks import Hook, HookGroup, HookKeyframe, HookKeyframeGroup
from services.executor.nodes.conditioning_properties import ConditioningSetProperties
from services.executor.nodes.lora_loaders import LoraLoader
from services.executor.nodes.merging.models import ModelMergeSimple
from services.executor.nodes.weight_hooks import (
    CreateHookLora,
    CreateHookLoraModelOnly,
    CreateHookModelAsLora,
    CreateHookModelAsLoraModelOnly,
    SetClipHooks,
)
from services.executor.patching.model_patcher import ModelPatcher
from tests.executor.nodes.merging.conftest import SECOND, first, folder, second
from tests.executor.patching.conftest import Loaded

__all__ = ["first", "folder", "second"]

LORA = "sd15_lora.safetensors"
OTHER = "sd15_loha.safetensors"
SOMETHING: Any = object()


def lora(strength_model: float = 0.8, strength_clip: float = 0.0, name: str = LORA) -> HookGroup:
    return CreateHookLora().create_hook(name, strength_model, strength_clip)[0]


def with_keyframes(hooks: HookGroup, *keyframes: HookKeyframe) -> HookGroup:
    return hooks.with_keyframes(HookKeyframeGroup(keyframes))


def hooked(conditioning: Any, hooks: HookGroup, **options: Any) -> Any:
    return ConditioningSetProperties().set_properties(conditioning, 1.0, "default", hooks=hooks, **options)[0]


def sampled(first: Loaded, hooks: HookGroup | None = None, **how: Any) -> Tensor:
    if hooks is not None:
        how |= {
            "positive": hooked(first.conditioning("a red cat"), hooks),
            "negative": hooked(first.conditioning("blurry"), hooks),
        }
    with torch.inference_mode():
        return first.sampled(how.pop("model", first.model), **how)


def assert_equal(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=2e-4 * float(other.abs().max()))


def changed(first: Loaded, strength: float, name: str = LORA) -> Any:
    return LoraLoader().load_lora(first.model, None, name, strength, 0.0)[0]


def test_a_hook_on_all_conditions_is_the_loader(first: Loaded) -> None:
    expected = sampled(first, model=changed(first, 0.8))
    assert_equal(sampled(first, lora(0.8)), expected)
    assert not torch.allclose(expected, sampled(first), atol=1.0)


def test_a_hook_adds_to_what_the_model_has(first: Loaded) -> None:
    both = changed(Loaded(changed(first, 0.5), first.clip, first.vae), 0.7, OTHER)
    assert_equal(sampled(first, lora(0.7, name=OTHER), model=changed(first, 0.5)), sampled(first, model=both))


def test_hooks_that_share_a_group_add_up(first: Loaded) -> None:
    (both,) = CreateHookLora().create_hook(LORA, 0.3, 0.0, lora(0.5))
    assert_equal(sampled(first, both), sampled(first, model=changed(first, 0.8)))


def test_no_hook_changes_nothing(first: Loaded) -> None:
    assert torch.equal(sampled(first, HookGroup()), sampled(first))
    assert torch.equal(sampled(first, lora(0.0, 1.0)), sampled(first)), "of no strength for the model"


def test_a_hook_of_one_condition_leaves_the_others(first: Loaded) -> None:
    positive = hooked(first.conditioning("a red cat"), lora(0.8))
    alone = sampled(first, positive=positive, cfg=1.0)
    assert_equal(alone, sampled(first, model=changed(first, 0.8), cfg=1.0))
    with_negative = sampled(first, positive=positive, steps=1)
    base, other = sampled(first, steps=1, cfg=0.0), sampled(first, model=changed(first, 0.8), steps=1, cfg=1.0)
    assert_equal(with_negative, base + 5.0 * (other - base))


@pytest.mark.parametrize(("names", "runs"), [((LORA, LORA), [2]), ((LORA, OTHER), [1, 1]), ((LORA, None), [1, 1])])
def test_conditions_with_the_same_hooks_share_a_batch(
    first: Loaded, names: tuple[str | None, str | None], runs: list[int]
) -> None:
    hooks = {name: lora(0.8, name=name) if name else HookGroup() for name in names}
    seen: list[int] = []

    def count(apply_model: Any, told: dict[str, Any]) -> Tensor:
        seen.append(len(told["cond_or_uncond"]))
        result: Tensor = apply_model(told["input"], told["timestep"], **told["c"])
        return result

    model = first.model.clone()
    model.set_model_unet_function_wrapper(count)
    positive, negative = (
        hooked(first.conditioning(text), hooks[name]) for text, name in zip(("a cat", "blurry"), names, strict=True)
    )
    sampled(first, model=model, positive=positive, negative=negative, steps=1)
    assert seen == runs


def test_left_and_right_have_hooks_of_their_own(first: Loaded) -> None:
    left = torch.zeros(1, 16, 16)
    left[..., :8] = 1.0
    prompt = first.conditioning("a red cat")
    positive = [
        *hooked(prompt, lora(0.8), mask=left),
        *hooked(prompt, lora(0.8, name=OTHER), mask=1 - left),
    ]
    both = sampled(first, positive=positive, cfg=1.0, steps=1)
    one = sampled(first, model=changed(first, 0.8), cfg=1.0, steps=1)
    other = sampled(first, model=changed(first, 0.8, OTHER), cfg=1.0, steps=1)
    assert_equal(both, torch.cat([one[..., :8], other[..., 8:]], dim=-1))


def test_keyframes_change_the_strength_over_the_steps(first: Loaded) -> None:
    hooks = with_keyframes(lora(0.8), HookKeyframe(1.0, 0.0), HookKeyframe(0.0, 0.5))
    begun = sampled(first, model=changed(first, 0.8), steps=4, end_at_step=2)
    ended = sampled(first, steps=4, start_at_step=2, latent=begun, disable_noise=True)
    assert_equal(sampled(first, hooks, steps=4), ended)


def test_a_model_is_made_for_each_strength_and_not_for_each_step(
    first: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    patched_further = Mock(side_effect=ModelPatcher.patched_further)
    monkeypatch.setattr(ModelPatcher, "patched_further", lambda *args: patched_further(*args))
    sampled(first, with_keyframes(lora(0.8), HookKeyframe(1.0, 0.0), HookKeyframe(0.5, 0.5)), steps=4)
    assert patched_further.call_count == 2


def test_a_model_as_lora_goes_as_far_as_its_strength_says(first: Loaded, second: Loaded) -> None:
    (hooks,) = CreateHookModelAsLoraModelOnly().create_hook(SECOND, 0.25)
    (merged,) = ModelMergeSimple().merge(first.model, second.model, 0.75)
    assert_equal(sampled(first, hooks), sampled(first, model=merged))


def test_encoders_follow_hooks(first: Loaded, second: Loaded) -> None:
    (clip,) = SetClipHooks().apply_hooks(first.clip, False, True, lora(0.0, 0.7))
    expected = LoraLoader().load_lora(first.model, first.clip, LORA, 0.0, 0.7)[1].encode("a red cat")
    ((embedding, options),) = clip.encode_from_tokens_scheduled(clip.tokenize("a red cat"))
    torch.testing.assert_close(embedding, expected)
    torch.testing.assert_close(clip.encode("a red cat"), expected)
    assert options["hooks"] is clip.apply_hooks_to_conds
    (other,) = SetClipHooks().apply_hooks(
        first.clip, False, False, CreateHookModelAsLora().create_hook(SECOND, 0, 1)[0]
    )
    ((embedding, options),) = other.encode_from_tokens_scheduled(clip.tokenize("a red cat"))
    torch.testing.assert_close(embedding, second.clip.encode("a red cat"), atol=1e-4, rtol=1e-4)
    assert "hooks" not in options


def test_prompts_are_encoded_for_each_part_of_the_sampling(first: Loaded) -> None:
    hooks = with_keyframes(lora(0.0, 1.0), HookKeyframe(1.0, 0.0), HookKeyframe(0.5, 0.4), HookKeyframe(0.0, 1.0))
    (clip,) = SetClipHooks().apply_hooks(first.clip, True, True, hooks)
    entries = clip.encode_from_tokens_scheduled(clip.tokenize("a red cat"))
    ranges = [(options["clip_start_percent"], options["clip_end_percent"]) for _, options in entries]
    assert ranges == [(0.0, 0.4), (0.4, 1.0)]
    for (embedding, _), strength in zip(entries, (1.0, 0.5), strict=True):
        expected = LoraLoader().load_lora(first.model, first.clip, LORA, 0.0, strength)[1].encode("a red cat")
        torch.testing.assert_close(embedding, expected)
    assert sampled(first, positive=entries).isfinite().all()


def test_one_file_for_the_model_alone(first: Loaded) -> None:
    (hooks,) = CreateHookLoraModelOnly().create_hook(LORA, 0.8)
    (clip,) = SetClipHooks().apply_hooks(first.clip, True, False, hooks)
    assert torch.equal(clip.encode("a red cat"), first.clip.encode("a red cat"))
    assert SetClipHooks().apply_hooks(first.clip, True, False) == (first.clip,)
    assert len(CreateHookLora().create_hook("nowhere", 0.0, 0.0)[0]) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda clip: CreateHookLora().create_hook(LORA, 1.0, 1.0, SOMETHING), "^prev_hooks: expected hooks"),
        (lambda clip: SetClipHooks().apply_hooks(None, True, True), "^clip: "),
        (lambda clip: SetClipHooks().apply_hooks(clip, True, True, SOMETHING), "^hooks: expected hooks"),
        (lambda clip: SetClipHooks().apply_hooks(clip, True, True, HookGroup([Hook()]))[0].encode("a"), "^hooks: this"),
        (lambda clip: CreateHookModelAsLora().create_hook("nowhere", 1.0, 1.0), "there is no model 'nowhere'"),
    ],
)
def test_bad_inputs_are_named(first: Loaded, call: Any, message: str) -> None:
    with pytest.raises((ValueError, NotFound), match=message):
        call(first.clip)
