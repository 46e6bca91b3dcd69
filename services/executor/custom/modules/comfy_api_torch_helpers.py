"""`comfy_api.torch_helpers`: models whose network is compiled."""

from __future__ import annotations

from services.executor.patching.compilation import compile_model as set_torch_compile_wrapper

__all__ = ["set_torch_compile_wrapper"]
