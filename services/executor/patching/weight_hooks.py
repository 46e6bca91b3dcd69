"""Hooks that change weights: by a LoRA, or by what another model has learned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from services.executor.diffusion.hooks import Hook, HookGroup
from services.executor.patching.adapter_names import text_names, unet_names
from services.executor.patching.adapter_patches import patches_for
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.weights import Value, WeightPatch, key_patches

#: Of each weight what is added to it, with factors.
Changes = Mapping[str, Sequence[tuple[float, Value]]]


class WeightHook(Hook):
    """A change of the weights of a diffusion model and of its text encoder.

    Attributes:
        strength_model, strength_clip: how much of it each of them gets.
    """

    def __init__(self, strength_model: float = 1.0, strength_clip: float = 1.0) -> None:
        super().__init__()
        self.strength_model = strength_model
        self.strength_clip = strength_clip

    def of_model(self, patcher: ModelPatcher) -> Changes:
        """What is added to the weights of a diffusion model at full strength."""
        raise NotImplementedError

    def of_encoder(self, patcher: ModelPatcher) -> Changes:
        """What is added to the weights of text encoders at full strength."""
        raise NotImplementedError


class LoraHook(WeightHook):
    """The changes of a LoRA file; what matches no weight is left out."""

    def __init__(self, tensors: Mapping[str, Tensor], strength_model: float, strength_clip: float) -> None:
        super().__init__(strength_model, strength_clip)
        self._tensors = tensors

    def of_model(self, patcher: ModelPatcher) -> Changes:
        """See `WeightHook`."""
        return self._changes(unet_names(patcher.model), patcher)

    def of_encoder(self, patcher: ModelPatcher) -> Changes:
        """See `WeightHook`."""
        return self._changes(text_names(patcher.model), patcher)

    def _changes(self, names: Mapping[str, str], patcher: ModelPatcher) -> Changes:
        found = patches_for(self._tensors, names, patcher.model, set())
        return {key: [(1.0, value)] for key, value in found.items()}


class ModelHook(WeightHook):
    """The difference between the weights of other models and those of the one that is changed, as it was loaded.

    Args:
        weights, weights_clip: as `ModelPatcher.get_key_patches` gives them.
    """

    def __init__(
        self,
        weights: Mapping[str, list[Any]] | None,
        weights_clip: Mapping[str, list[Any]] | None,
        strength_model: float,
        strength_clip: float,
    ) -> None:
        super().__init__(strength_model, strength_clip)
        self._weights = weights or {}
        self._weights_clip = weights_clip or {}

    def of_model(self, patcher: ModelPatcher) -> Changes:
        """See `WeightHook`."""
        return _differences(self._weights, patcher)

    def of_encoder(self, patcher: ModelPatcher) -> Changes:
        """See `WeightHook`."""
        return _differences(self._weights_clip, patcher)


def _differences(others: Mapping[str, list[Any]], patcher: ModelPatcher) -> Changes:
    own = key_patches(patcher.model_state_dict(), {})
    return {
        key: [(1.0, others[key]), (-1.0, value)]
        for key, value in own.items()
        if key in others and others[key][0][0].shape == value[0][0].shape
    }


def weight_hooks(hooks: HookGroup | None) -> list[WeightHook]:
    """The hooks, which must be of this kind.

    Raises:
        ValueError: one of them changes something else.
    """
    found = []
    for hook in hooks or ():
        if not isinstance(hook, WeightHook):
            raise ValueError(f"hooks: this platform has hooks for weights alone, this is a {type(hook).__name__}")
        found.append(hook)
    return found


def patches_of(changes: Iterable[tuple[float, Changes]]) -> dict[str, list[WeightPatch]]:
    """The patches that changes make, each times its strength."""
    found: defaultdict[str, list[WeightPatch]] = defaultdict(list)
    for strength, change in changes:
        if strength:
            for key, values in change.items():
                found[key] += [WeightPatch(strength * factor, value) for factor, value in values]
    return found
