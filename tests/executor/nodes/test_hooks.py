"""Nodes of hooks."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from services.executor.diffusion.hooks import Hook, HookGroup, HookKeyframe, HookKeyframeGroup
from services.executor.nodes.hooks import (
    CombineHooks2,
    CombineHooks8,
    CreateHookKeyframe,
    CreateHookKeyframesFromFloats,
    CreateHookKeyframesInterpolated,
    SetHookKeyframes,
)

SOMETHING: Any = object()
WORD: Any = "abc"


def strengths(group: HookKeyframeGroup) -> list[tuple[float, float]]:
    return [(keyframe.start_percent, keyframe.strength) for keyframe in group.keyframes]


def interpolated(method: str, *, count: int = 5, **options: Any) -> HookKeyframeGroup:
    return CreateHookKeyframesInterpolated().create_hook_keyframes(0.0, 1.0, method, 0.0, 1.0, count, **options)[0]


def test_groups_become_one_in_which_each_hook_is_once() -> None:
    first, second = Hook(), Hook()
    group = HookGroup([first])
    (both,) = CombineHooks2().combine(hooks_B=group, hooks_A=HookGroup([second, first]))
    assert both.hooks == [second, first]
    assert group.hooks == [first]
    assert CombineHooks8().combine(hooks_H=group)[0].hooks == [first]
    assert len(CombineHooks2().combine()[0]) == 0
    assert CombineHooks2.INPUT_TYPES()["optional"].keys() == {"hooks_A", "hooks_B"}


def test_copies_of_the_hooks_get_the_keyframes() -> None:
    group = HookGroup([Hook()])
    (keyframes,) = CreateHookKeyframe().create_hook_keyframe(0.5, 0.25)
    (scheduled,) = SetHookKeyframes().set_hook_keyframes(group, keyframes)
    assert strengths(scheduled.hooks[0].hook_keyframe) == [(0.25, 0.5)]
    assert group.hooks[0].hook_keyframe.is_empty()
    assert SetHookKeyframes().set_hook_keyframes(group) == (group,)


def test_keyframes_are_in_the_order_in_which_they_begin() -> None:
    (first,) = CreateHookKeyframe().create_hook_keyframe(1.0, 0.5)
    (second,) = CreateHookKeyframe().create_hook_keyframe(2.0, 0.0, first)
    (third,) = CreateHookKeyframe().create_hook_keyframe(3.0, 0.5, second)
    assert strengths(third) == [(0.0, 2.0), (0.5, 1.0), (0.5, 3.0)]
    assert strengths(first) == [(0.5, 1.0)]
    third.add(HookKeyframe(4.0, 0.25))
    assert [strength for _, strength in strengths(third)] == [2.0, 4.0, 1.0, 3.0]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("linear", [0, 0.25, 0.5, 0.75, 1]),
        ("ease_in", [0, 0.0625, 0.25, 0.5625, 1]),
        ("ease_out", [0, 0.4375, 0.75, 0.9375, 1]),
        ("ease_in_out", [0, 0.1464466, 0.5, 0.8535534, 1]),
    ],
)
def test_strengths_follow_the_interpolation(method: str, expected: list[float]) -> None:
    group = interpolated(method)
    assert [strength for _, strength in strengths(group)] == pytest.approx(expected, abs=1e-6)
    assert [percent for percent, _ in strengths(group)] == [0, 0.25, 0.5, 0.75, 1]
    assert [keyframe.guarantee_steps for keyframe in group.keyframes] == [1, 0, 0, 0, 0]


def test_interpolated_keyframes_join_those_before_and_can_be_logged(caplog: pytest.LogCaptureFixture) -> None:
    (before,) = CreateHookKeyframe().create_hook_keyframe(7.0, 0.5)
    with caplog.at_level(logging.INFO):
        group = interpolated("linear", count=2, prev_hook_kf=before, print_keyframes=True)
    assert strengths(group) == [(0, 0), (0.5, 7), (1, 1)]
    assert "strength 1 from 1 on" in caplog.text


def test_floats_become_keyframes_at_equal_distances() -> None:
    node = CreateHookKeyframesFromFloats()
    (group,) = node.create_hook_keyframes([1, 0.5, 0.25], 0.2, 0.6)
    assert strengths(group) == [(0.2, 1), (pytest.approx(0.4), 0.5), (0.6, 0.25)]
    assert strengths(node.create_hook_keyframes(0.5, 0.0, 1.0)[0]) == [(0, 0.5)]


@pytest.mark.parametrize(
    ("guaranteed", "expected"),
    [
        ((1, 1, 1), [1, 1, 2, 2, 3]),
        ((4, 1, 1), [1, 1, 1, 1, 2]),
        ((1, 0, 1), [1, 1, 2, 2, 3]),
        ((0, 0, 0), [1, 1, 2, 2, 3]),
    ],
)
def test_a_keyframe_lasts_for_the_steps_that_it_guarantees(guaranteed: tuple[int, ...], expected: list[int]) -> None:
    starts = (0.5, 0.5, 0.8)  # the first one is there from the beginning
    frames = zip((1.0, 2.0, 3.0), starts, guaranteed, strict=True)
    group = HookKeyframeGroup(HookKeyframe(strength, start, steps) for strength, start, steps in frames)
    assert group.strengths([10.0, 6.0, 5.0, 4.0, 1.0], lambda percent: 10 * (1 - percent)) == expected
    assert HookKeyframeGroup().strengths([2.0, 1.0], lambda percent: 1.0) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CombineHooks2().combine(hooks_A=SOMETHING), "^hooks_A: expected hooks"),
        (lambda: SetHookKeyframes().set_hook_keyframes(HookGroup(), SOMETHING), "^hook_kf: expected keyframes"),
        (lambda: CreateHookKeyframe().create_hook_keyframe(1, 0, SOMETHING), "^prev_hook_kf: expected keyframes"),
        (lambda: interpolated("bounce"), "^interpolation: 'bounce' is not one of linear"),
        (lambda: interpolated("linear", count=0), "^keyframes_count: "),
        (lambda: interpolated("linear", count=10**9), "^keyframes_count: "),
        (lambda: CreateHookKeyframesFromFloats().create_hook_keyframes([], 0, 1), "^floats_strength: "),
        (lambda: CreateHookKeyframesFromFloats().create_hook_keyframes(WORD, 0, 1), "^floats_strength: "),
        (lambda: HookGroup.combine_all_hooks([None], 1), "^hooks: "),
    ],
)
def test_bad_inputs_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
