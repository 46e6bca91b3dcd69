"""`comfy.hooks`: hooks, keyframes and properties of conditionings, as far as our own nodes go."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from services.executor.diffusion.conditioning import Conditioning
from services.executor.diffusion.hooks import Hook, HookGroup, HookKeyframe, HookKeyframeGroup, Interpolation
from services.executor.nodes.conditioning_fallbacks import with_fallback
from services.executor.nodes.conditioning_properties import TimestepsRange, with_hooks, with_properties
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.weight_hooks import LoraHook, ModelHook, WeightHook

__all__ = [
    "EnumWeightTarget",
    "Hook",
    "HookGroup",
    "HookKeyframe",
    "HookKeyframeGroup",
    "InterpolationMethod",
    "WeightHook",
    "combine_conditioning",
    "combine_with_new_conds",
    "create_hook_lora",
    "create_hook_model_as_lora",
    "create_target_dict",
    "get_patch_weights_from_model",
    "set_conds_props",
    "set_conds_props_and_combine",
    "set_default_conds_and_combine",
    "set_hooks_for_conditioning",
]


class EnumWeightTarget(enum.Enum):
    """Whose weights a hook is for."""

    Model = "model"
    Clip = "clip"


def create_target_dict(target: EnumWeightTarget | None = None, **kwargs: Any) -> dict[str, Any]:
    """What says whose weights a hook is for."""
    return {"target": target, **kwargs}


def create_hook_lora(lora: Mapping[str, Tensor], strength_model: float, strength_clip: float) -> HookGroup:
    """A hook of what a LoRA file holds."""
    return HookGroup([LoraHook(lora, strength_model, strength_clip)])


def create_hook_model_as_lora(
    weights_model: Mapping[str, list[Any]] | None,
    weights_clip: Mapping[str, list[Any]] | None,
    strength_model: float,
    strength_clip: float,
) -> HookGroup:
    """A hook of what tells weights, as `get_patch_weights_from_model` gives them, from those of the model."""
    return HookGroup([ModelHook(weights_model, weights_clip, strength_model, strength_clip)])


def get_patch_weights_from_model(
    model: ModelPatcher | None, discard_model_sampling: bool = True
) -> dict[str, list[Any]] | None:
    """The weights of a MODEL, or of a CLIP's patcher, with their changes; the levels are no weights here."""
    return None if model is None else model.get_key_patches()


class InterpolationMethod:
    """How values follow each other between two, by name."""

    LINEAR = Interpolation.LINEAR.value
    EASE_IN = Interpolation.EASE_IN.value
    EASE_OUT = Interpolation.EASE_OUT.value
    EASE_IN_OUT = Interpolation.EASE_IN_OUT.value

    _LIST = [member.value for member in Interpolation]

    @classmethod
    def get_weights(cls, num_from: float, num_to: float, length: int, method: str, reverse: bool = False) -> Tensor:
        """`length` values from the first to the last; in the other order with `reverse`.

        Raises:
            ValueError: there is no such method.
        """
        weights = Interpolation(method).between(num_from, num_to, length)
        return weights.flip(0) if reverse else weights


def set_hooks_for_conditioning(
    cond: Conditioning, hooks: HookGroup | None, append_hooks: bool = True, cache: Any = None
) -> Conditioning:
    """The conditioning with hooks, beside those that it has or in their place."""
    if hooks is None:
        return cond
    bare = cond if append_hooks else [[embedding, {**options, "hooks": None}] for embedding, options in cond]
    return with_hooks(bare, hooks)


def set_conds_props(
    conds: Sequence[Conditioning],
    strength: float,
    set_cond_area: str,
    mask: Tensor | None = None,
    hooks: HookGroup | None = None,
    timesteps_range: TimestepsRange | None = None,
    append_hooks: bool = True,
) -> list[Conditioning]:
    """Each of the conditionings with those properties that are given; the strength is the mask's."""
    return [
        with_properties(
            set_hooks_for_conditioning(cond, hooks, append_hooks), strength, set_cond_area, mask, None, timesteps_range
        )
        for cond in conds
    ]


def set_conds_props_and_combine(
    conds: Sequence[Conditioning],
    new_conds: Sequence[Conditioning],
    strength: float = 1.0,
    set_cond_area: str = "default",
    mask: Tensor | None = None,
    hooks: HookGroup | None = None,
    timesteps_range: TimestepsRange | None = None,
    append_hooks: bool = True,
) -> list[Conditioning]:
    """Each of the conditionings with the new one in its place, which has got properties, added."""
    changed = set_conds_props(new_conds, strength, set_cond_area, mask, hooks, timesteps_range, append_hooks)
    return combine_with_new_conds(conds, changed)


def set_default_conds_and_combine(
    conds: Sequence[Conditioning],
    new_conds: Sequence[Conditioning],
    hooks: HookGroup | None = None,
    append_hooks: bool = True,
) -> list[Conditioning]:
    """Each of the conditionings with the new one in its place as what applies where it does not."""
    return [
        with_fallback(cond, set_hooks_for_conditioning(new, hooks, append_hooks))
        for cond, new in zip(conds, new_conds, strict=True)
    ]


def combine_with_new_conds(conds: Sequence[Conditioning], new_conds: Sequence[Conditioning]) -> list[Conditioning]:
    """Each of the conditionings with the new one in its place added."""
    return [[*cond, *new] for cond, new in zip(conds, new_conds, strict=True)]


def combine_conditioning(conds: Sequence[Conditioning]) -> Conditioning:
    """The entries of all conditionings."""
    return [entry for cond in conds for entry in cond]
