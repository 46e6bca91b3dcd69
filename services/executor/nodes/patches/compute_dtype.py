"""The node that chooses with how many digits a network computes."""

from __future__ import annotations

from typing import Any

import torch

from services.executor.nodes.declarations import chosen
from services.executor.nodes.patches.model_patch import ModelPatchNode, copy_of
from services.executor.patching.model_patcher import ModelPatcher

DTYPES = {"default": None, "fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class ModelComputeDtype(ModelPatchNode):
    """A model that computes in another dtype than that which suits its device."""

    CATEGORY = "advanced/debug/model"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_model_advanced"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model and the dtype."""
        return {"required": {"model": ("MODEL",), "dtype": (tuple(DTYPES),)}}

    def patch(self, model: ModelPatcher | None, dtype: str) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing, or the dtype is not known.
        """
        patched = copy_of(model)
        patched.set_model_compute_dtype(chosen(DTYPES, dtype, "dtype"))
        return (patched,)


NODES: tuple[type, ...] = (ModelComputeDtype,)
