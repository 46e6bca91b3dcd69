"""Weights of two models, each times a factor, added."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from services.executor.nodes.checkpoint_parts import held
from services.executor.patching.clip import CLIP
from services.executor.patching.model_patcher import ModelPatcher

logger = logging.getLogger(__name__)

#: Of a weight's name, what it and its counterpart in the other model are multiplied by.
Factors = Callable[[str], tuple[float, float]]

NETWORK = "diffusion_model."


def mixed_models(model1: ModelPatcher | None, model2: ModelPatcher | None, factors: Factors) -> ModelPatcher:
    """The first model with weights of the second added; the names of weights are those of the LDM layout.

    Raises:
        ValueError: a model is missing, or they have no weights in common.
    """
    _check_present(model1=model1, model2=model2)
    assert model1 is not None
    assert model2 is not None
    changed = model1.clone()
    _add(changed, model2, NETWORK, factors, "model2")
    return changed


def mixed_encoders(clip1: CLIP | None, clip2: CLIP | None, factors: Factors) -> CLIP:
    """The first text encoder with weights of the second added.

    Raises:
        ValueError: an encoder is missing, or they have no weights in common.
    """
    _check_present(clip1=clip1, clip2=clip2)
    assert clip1 is not None
    assert clip2 is not None
    changed = clip1.clone()
    _add(changed.patcher, clip2.patcher, "", factors, "clip2")
    return changed


def everywhere(own: float, other: float) -> Factors:
    """The same factors for every weight."""
    return lambda name: (own, other)


def _check_present(**models: Any) -> None:
    for name, model in models.items():
        held(model, name)


def _add(changed: ModelPatcher, other: ModelPatcher, prefix: str, factors: Factors, name: str) -> None:
    own = changed.model_state_dict(prefix)
    values = other.get_key_patches(prefix)
    shared = [key for key, weight in own.items() if key in values and values[key][0][0].shape == weight.shape]
    if not shared:
        raise ValueError(f"{name}: none of its {len(values)} weights has a counterpart in the other model")
    if len(shared) < len(own):
        missing = len(own) - len(shared)
        logger.warning("%s: %d of %d weights have no counterpart in it and stay as they are", name, missing, len(own))
    groups: defaultdict[tuple[float, float], dict[str, Any]] = defaultdict(dict)
    for key in shared:
        groups[factors(key.removeprefix(prefix))][key] = values[key]
    for (own_factor, other_factor), group in groups.items():
        changed.add_patches(group, strength_patch=other_factor, strength_model=own_factor)
