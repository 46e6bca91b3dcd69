"""`comfy.sampler_helpers`: conditionings and masks made ready for sampling."""

from __future__ import annotations

from services.executor.patching.conds import convert_cond, prepare_mask

__all__ = ["convert_cond", "prepare_mask"]
