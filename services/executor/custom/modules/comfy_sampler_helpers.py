"""`comfy.sampler_helpers`: models, conditionings and masks made ready for sampling."""

from __future__ import annotations

from typing import Any

from services.executor.patching.conds import convert_cond, prepare_mask
from services.executor.patching.guider import prepare_sampling

__all__ = ["convert_cond", "prepare_mask", "prepare_sampling"]


def cleanup_models(conds: Any, models: Any) -> None:
    """Nothing to do: models are kept as long as they fit."""
