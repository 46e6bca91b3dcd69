"""`comfy.supported_models_base`: what is known of a model."""

from __future__ import annotations

from services.executor.patching.model_config import BASE

__all__ = ["BASE"]
