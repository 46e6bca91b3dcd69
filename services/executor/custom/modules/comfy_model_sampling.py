"""`comfy.model_sampling`: the noise levels of a model and what its network predicts."""

from __future__ import annotations

from services.executor.diffusion.model_sampling import shifted_time as time_snr_shift
from services.executor.patching.model_sampling import (
    CONST,
    EDM,
    EPS,
    V_PREDICTION,
    X0,
    ModelSamplingContinuousEDM,
    ModelSamplingContinuousV,
    ModelSamplingDiscrete,
    ModelSamplingDiscreteFlow,
    ModelSamplingFlux,
)

__all__ = [
    "CONST",
    "EDM",
    "EPS",
    "V_PREDICTION",
    "X0",
    "ModelSamplingContinuousEDM",
    "ModelSamplingContinuousV",
    "ModelSamplingDiscrete",
    "ModelSamplingDiscreteFlow",
    "ModelSamplingFlux",
    "time_snr_shift",
]
