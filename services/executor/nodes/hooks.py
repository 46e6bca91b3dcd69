"""Nodes that put hooks together and say when they are how strong."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from services.executor.diffusion.hooks import (
    HookGroup,
    HookKeyframe,
    HookKeyframeGroup,
    Interpolation,
    keyframes_over,
)
from services.executor.nodes.declarations import Declaration, number, whole

log = logging.getLogger(__name__)

HOOKS: Declaration = ("HOOKS",)
KEYFRAMES: Declaration = ("HOOK_KEYFRAMES",)
PERCENTS = {"start_percent": number(0.0, 0.0, 1.0, 0.001), "end_percent": number(1.0, 0.0, 1.0, 0.001)}
PRINTED: Declaration = ("BOOLEAN", {"default": False})

#: More would be finer than any sampling.
MOST_KEYFRAMES = 10_000


class HookNode:
    """A node of ComfyUI's hooks."""

    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_hooks"


class CombineHooks(HookNode):
    """Groups of hooks as one; those that are not linked are left out."""

    RETURN_TYPES = ("HOOKS",)
    FUNCTION = "combine"
    CATEGORY = "advanced/hooks/combine"
    LETTERS = ""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The groups."""
        return {"required": {}, "optional": {f"hooks_{letter}": HOOKS for letter in cls.LETTERS}}

    def combine(self, **hooks: HookGroup | None) -> tuple[HookGroup]:
        """Return a group of all their hooks.

        Raises:
            ValueError: one of them is no group of hooks.
        """
        return (HookGroup.combine_all_hooks(checked_hooks(group, name) for name, group in sorted(hooks.items())),)


class CombineHooks2(CombineHooks):
    """Two groups of hooks as one."""

    DISPLAY_NAME = "Combine Hooks [2]"
    LETTERS = "AB"


class CombineHooks4(CombineHooks):
    """Four groups of hooks as one."""

    DISPLAY_NAME = "Combine Hooks [4]"
    LETTERS = "ABCD"


class CombineHooks8(CombineHooks):
    """Eight groups of hooks as one."""

    DISPLAY_NAME = "Combine Hooks [8]"
    LETTERS = "ABCDEFGH"


class SetHookKeyframes(HookNode):
    """Hooks whose strength changes over the sampling."""

    DISPLAY_NAME = "Set Hook Keyframes"
    RETURN_TYPES = ("HOOKS",)
    FUNCTION = "set_hook_keyframes"
    CATEGORY = "advanced/hooks/scheduling"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The hooks and the keyframes."""
        return {"required": {"hooks": HOOKS}, "optional": {"hook_kf": KEYFRAMES}}

    def set_hook_keyframes(self, hooks: HookGroup, hook_kf: HookKeyframeGroup | None = None) -> tuple[HookGroup]:
        """Return copies of the hooks with the keyframes; the hooks as they are without any.

        Raises:
            ValueError: an input is something else.
        """
        group = checked_hooks(hooks, "hooks") or HookGroup()
        return (group if hook_kf is None else group.with_keyframes(_checked_keyframes(hook_kf, "hook_kf")),)


class KeyframeNode(HookNode):
    """A node that makes keyframes."""

    RETURN_TYPES = ("HOOK_KEYFRAMES",)
    RETURN_NAMES = ("HOOK_KF",)
    FUNCTION = "create_hook_keyframes"
    CATEGORY = "advanced/hooks/scheduling"


class CreateHookKeyframe(KeyframeNode):
    """One keyframe."""

    DISPLAY_NAME = "Create Hook Keyframe"
    FUNCTION = "create_hook_keyframe"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The strength, from when on, and the keyframes that there are."""
        strength_mult = number(1.0, -20.0, 20.0, 0.01)
        return {
            "required": {"strength_mult": strength_mult, "start_percent": PERCENTS["start_percent"]},
            "optional": {"prev_hook_kf": KEYFRAMES},
        }

    def create_hook_keyframe(
        self, strength_mult: float, start_percent: float, prev_hook_kf: HookKeyframeGroup | None = None
    ) -> tuple[HookKeyframeGroup]:
        """Return the keyframes with this one among them.

        Raises:
            ValueError: `prev_hook_kf` is something else.
        """
        return (_added(prev_hook_kf, [HookKeyframe(strength_mult, start_percent)]),)


class CreateHookKeyframesInterpolated(KeyframeNode):
    """Keyframes from one strength to another."""

    DISPLAY_NAME = "Create Hook Keyframes Interp."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The strengths, how one becomes the other, between which shares of the sampling, and how many keyframes."""
        strength = number(1.0, 0.0, 10.0, 0.001)
        return {
            "required": {
                "strength_start": strength,
                "strength_end": strength,
                "interpolation": ([method.value for method in Interpolation],),
                **PERCENTS,
                "keyframes_count": whole(5, 2, 100),
                "print_keyframes": PRINTED,
            },
            "optional": {"prev_hook_kf": KEYFRAMES},
        }

    def create_hook_keyframes(
        self,
        strength_start: float,
        strength_end: float,
        interpolation: str,
        start_percent: float,
        end_percent: float,
        keyframes_count: int,
        print_keyframes: bool = False,
        prev_hook_kf: HookKeyframeGroup | None = None,
    ) -> tuple[HookKeyframeGroup]:
        """Return the keyframes with the new ones among them; `print_keyframes` writes these to the log.

        Raises:
            ValueError: unknown interpolation, too many keyframes, or `prev_hook_kf` is something else.
        """
        _check_count("keyframes_count", keyframes_count)
        if interpolation not in list(Interpolation):
            raise ValueError(f"interpolation: {interpolation!r} is not one of {', '.join(Interpolation)}")
        strengths = Interpolation(interpolation).between(strength_start, strength_end, keyframes_count).tolist()
        added = keyframes_over(strengths, start_percent, end_percent)
        _tell(added, print_keyframes)
        return (_added(prev_hook_kf, added),)


class CreateHookKeyframesFromFloats(KeyframeNode):
    """Keyframes of given strengths."""

    DISPLAY_NAME = "Create Hook Keyframes From Floats"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The strengths, and between which shares of the sampling."""
        floats = {"default": -1, "min": -1, "step": 0.001, "forceInput": True}
        return {
            "required": {"floats_strength": ("FLOATS", floats), **PERCENTS, "print_keyframes": PRINTED},
            "optional": {"prev_hook_kf": KEYFRAMES},
        }

    def create_hook_keyframes(
        self,
        floats_strength: float | Iterable[float],
        start_percent: float,
        end_percent: float,
        print_keyframes: bool = False,
        prev_hook_kf: HookKeyframeGroup | None = None,
    ) -> tuple[HookKeyframeGroup]:
        """Return the keyframes with one for each strength among them; `print_keyframes` writes these to the log.

        Raises:
            ValueError: there are no strengths or too many, they are no numbers, or `prev_hook_kf` is something else.
        """
        strengths = _numbers(floats_strength, "floats_strength")
        _check_count("floats_strength", len(strengths))
        added = keyframes_over(strengths, start_percent, end_percent)
        _tell(added, print_keyframes)
        return (_added(prev_hook_kf, added),)


def checked_hooks(hooks: object, name: str) -> HookGroup | None:
    """The group, or None where the input `name` is not linked.

    Raises:
        ValueError: it is something else.
    """
    if hooks is None or isinstance(hooks, HookGroup):
        return hooks
    raise ValueError(f"{name}: expected hooks, got a {type(hooks).__name__}")


def _checked_keyframes(keyframes: object, name: str) -> HookKeyframeGroup:
    if isinstance(keyframes, HookKeyframeGroup):
        return keyframes
    raise ValueError(f"{name}: expected keyframes, got a {type(keyframes).__name__}")


def _added(previous: HookKeyframeGroup | None, added: Iterable[HookKeyframe]) -> HookKeyframeGroup:
    before = () if previous is None else _checked_keyframes(previous, "prev_hook_kf").keyframes
    return HookKeyframeGroup([*before, *added])


def _numbers(values: Any, name: str) -> list[float]:
    members = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else [values]
    try:
        return [float(member) for member in members]
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected numbers, got {type(values).__name__}") from None


def _check_count(name: str, count: int) -> None:
    if not 1 <= count <= MOST_KEYFRAMES:
        raise ValueError(f"{name}: there can be 1 to {MOST_KEYFRAMES:,} keyframes, not {count:,}")


def _tell(keyframes: Iterable[HookKeyframe], wanted: bool) -> None:
    if wanted:
        for keyframe in keyframes:
            log.info("hook keyframe: strength %g from %g on", keyframe.strength, keyframe.start_percent)


NODES: tuple[type, ...] = (
    CombineHooks2,
    CombineHooks4,
    CombineHooks8,
    SetHookKeyframes,
    CreateHookKeyframe,
    CreateHookKeyframesInterpolated,
    CreateHookKeyframesFromFloats,
)
