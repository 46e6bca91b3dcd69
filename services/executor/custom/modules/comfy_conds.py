"""`comfy.conds`: what a model is given of a condition, in values that know how to share a batch."""

from __future__ import annotations

from services.executor.patching.conds import CONDConstant, CONDCrossAttn, CONDNoiseShape, CONDRegular

__all__ = ["CONDConstant", "CONDCrossAttn", "CONDNoiseShape", "CONDRegular"]
