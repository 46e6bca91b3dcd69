"""Models with the changes that hooks of conditions make, for the time of a run."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import Any

from services.executor.diffusion.hooks import Hook, HookGroup
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.weight_hooks import Changes, WeightHook, patches_of, weight_hooks

#: Where they are in the options of a run.
HOOKED_MODELS = "hooked_models"


class HookedModels:
    """For each group of hooks the model that was asked for last: only strengths that change cost another one."""

    def __init__(self, patcher: ModelPatcher, sigmas: Sequence[float]) -> None:
        """Take the MODEL of a run, and the noise levels of its steps."""
        self._patcher = patcher
        self._sigmas = sigmas
        self._changes: dict[Hook, Changes] = {}
        self._strengths: dict[Hook, list[float]] = {}
        self._made: dict[frozenset[Hook], tuple[Any, Any]] = {}

    def model_at(self, model: Any, hooks: HookGroup, sigma: float) -> Any:
        """The model of the run (which has the changes of the MODEL) with those of hooks, at a noise level."""
        active = weight_hooks(hooks)
        strengths = tuple(hook.strength_model * self._strength(hook, sigma) for hook in active)
        if not any(strengths):
            return model
        group, wanted = frozenset(active), (model, strengths)
        made = self._made.get(group)
        if made is None or made[0] != wanted:
            self._made.pop(group, None)  # there need not be both at once
            changes = [self._changes_of(hook) for hook in active]
            patches = patches_of(zip(strengths, changes, strict=True))
            made = self._made[group] = (wanted, self._patcher.patched_further(model, patches))
        return made[1]

    def _strength(self, hook: Hook, sigma: float) -> float:
        if hook not in self._strengths:
            percent_to_sigma = self._patcher.model_sampling.percent_to_sigma
            self._strengths[hook] = hook.hook_keyframe.strengths(self._sigmas, percent_to_sigma)
        # Samplers that look between two steps are still in the first of them.
        step = bisect.bisect_right(self._sigmas, -sigma, key=lambda level: -level) - 1
        return self._strengths[hook][max(0, step)]

    def _changes_of(self, hook: WeightHook) -> Changes:
        if hook not in self._changes:
            self._changes[hook] = hook.of_model(self._patcher)
        return self._changes[hook]
