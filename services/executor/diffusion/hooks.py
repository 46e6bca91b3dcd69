"""Hooks: changes to a model that apply for some conditionings only, more or less strongly over the sampling."""

from __future__ import annotations

import bisect
import copy
import enum
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor


class HookKeyframe:
    """From when on a hook has a strength.

    Attributes:
        strength: what the hook's own strength is multiplied by.
        start_percent: share of the sampling that is over by then, 0 to 1.
        guarantee_steps: how many steps it lasts at least, even if the next one should have begun.
    """

    def __init__(self, strength: float, start_percent: float = 0.0, guarantee_steps: int = 1) -> None:
        self.strength = strength
        self.start_percent = start_percent
        self.guarantee_steps = guarantee_steps


class HookKeyframeGroup:
    """Keyframes in the order in which they begin."""

    def __init__(self, keyframes: Iterable[HookKeyframe] = ()) -> None:
        self.keyframes: list[HookKeyframe] = sorted(keyframes, key=_beginning)

    def add(self, keyframe: HookKeyframe) -> None:
        """Add a keyframe after those that begin no later."""
        bisect.insort(self.keyframes, keyframe, key=_beginning)

    def clone(self) -> HookKeyframeGroup:
        """Return a group of the same keyframes."""
        return HookKeyframeGroup(self.keyframes)

    def is_empty(self) -> bool:
        """Whether there is no keyframe."""
        return not self.keyframes

    def strength_at(self, percent: float) -> float:
        """The strength at a share of the sampling; before the first keyframe begins, its strength."""
        begun = [keyframe for keyframe in self.keyframes if keyframe.start_percent <= percent]
        current = begun[-1:] or self.keyframes[:1]
        return current[0].strength if current else 1.0

    def strengths(self, sigmas: Sequence[float], percent_to_sigma: Callable[[float], float]) -> list[float]:
        """The strength at each of the noise levels of a run; a keyframe lasts for as many steps as it guarantees."""
        if not self.keyframes:
            return [1.0] * len(sigmas)
        begins = [percent_to_sigma(keyframe.start_percent) for keyframe in self.keyframes]
        found = []
        current = lasted = 0
        for sigma in sigmas:
            while (
                lasted >= self.keyframes[current].guarantee_steps
                and current + 1 < len(begins)
                and sigma <= begins[current + 1]
            ):
                current, lasted = current + 1, 0
            found.append(self.keyframes[current].strength)
            lasted += 1
        return found


class Hook:
    """What all hooks have in common.

    Attributes:
        hook_keyframe: when it is how strong; without keyframes it always has its own strength.
    """

    def __init__(self, hook_keyframe: HookKeyframeGroup | None = None) -> None:
        self.hook_keyframe = hook_keyframe or HookKeyframeGroup()

    def clone(self) -> Hook:
        """Return a hook with keyframes of its own."""
        twin = copy.copy(self)
        twin.hook_keyframe = self.hook_keyframe.clone()
        return twin


class HookGroup:
    """Hooks that apply together, each of them once: what flows between nodes as HOOKS."""

    def __init__(self, hooks: Iterable[Hook] = ()) -> None:
        self.hooks: list[Hook] = []
        for hook in hooks:
            self.add(hook)

    def __len__(self) -> int:
        return len(self.hooks)

    def __iter__(self) -> Iterator[Hook]:
        return iter(self.hooks)

    def add(self, hook: Hook) -> None:
        """Add a hook, unless it is there."""
        if not self.contains(hook):
            self.hooks.append(hook)

    def remove(self, hook: Hook) -> None:
        """Take a hook out, if it is there."""
        self.hooks = [one for one in self.hooks if one is not hook]

    def contains(self, hook: Hook) -> bool:
        """Whether the hook is one of them."""
        return any(one is hook for one in self.hooks)

    def clone(self) -> HookGroup:
        """Return a group of the same hooks."""
        return HookGroup(self.hooks)

    def clone_and_combine(self, other: HookGroup | None) -> HookGroup:
        """Return a group of these hooks and the other ones."""
        return HookGroup([*self.hooks, *(other.hooks if other else ())])

    def with_keyframes(self, keyframes: HookKeyframeGroup) -> HookGroup:
        """Return a group of copies of these hooks with those keyframes."""
        group = HookGroup(hook.clone() for hook in self.hooks)
        group.set_keyframes_on_hooks(keyframes)
        return group

    def set_keyframes_on_hooks(self, hook_kf: HookKeyframeGroup | None) -> None:
        """Give each of these hooks keyframes of its own; none without any."""
        for hook in self.hooks:
            hook.hook_keyframe = hook_kf.clone() if hook_kf else HookKeyframeGroup()

    @staticmethod
    def combine_all_hooks(hooks_list: Iterable[HookGroup | None], require_count: int = 0) -> HookGroup:
        """Return a group of the hooks of all groups.

        Raises:
            ValueError: fewer than `require_count` of them are groups.
        """
        groups = [group for group in hooks_list if group is not None]
        if len(groups) < require_count:
            raise ValueError(f"hooks: {len(groups)} groups are given where {require_count} are needed")
        return HookGroup(hook for group in groups for hook in group.hooks)


class Interpolation(enum.StrEnum):
    """How values follow each other between two, by ComfyUI's words: Penner's easing, quadratic, and by a sine."""

    LINEAR = "linear"
    EASE_IN = "ease_in"
    EASE_OUT = "ease_out"
    EASE_IN_OUT = "ease_in_out"

    def between(self, first: float, last: float, count: int) -> Tensor:
        """Return `count` values (float64) from the first to the last."""
        places = torch.linspace(0.0, 1.0, count, dtype=torch.float64)
        return first + (last - first) * _EASINGS[self](places)


_EASINGS: dict[Interpolation, Callable[[Tensor], Tensor]] = {
    Interpolation.LINEAR: lambda places: places,
    Interpolation.EASE_IN: lambda places: places**2,
    Interpolation.EASE_OUT: lambda places: 1 - (1 - places) ** 2,
    Interpolation.EASE_IN_OUT: lambda places: (1 - torch.cos(math.pi * places)) / 2,
}


def keyframes_over(strengths: Sequence[float], start_percent: float, end_percent: float) -> list[HookKeyframe]:
    """Keyframes at equal distances; only the first lasts for a step at least, as there may be more than steps."""
    percents = torch.linspace(start_percent, end_percent, len(strengths), dtype=torch.float64).tolist()
    return [
        HookKeyframe(strength, percent, guarantee_steps=1 if index == 0 else 0)
        for index, (strength, percent) in enumerate(zip(strengths, percents, strict=True))
    ]


def _beginning(keyframe: HookKeyframe) -> float:
    return keyframe.start_percent
