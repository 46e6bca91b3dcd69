"""Guidance that makes no place of a prediction stronger than the positive prediction is there."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.declarations import number
from services.executor.nodes.patches.model_patch import MODEL, SchemaPatchNode, copy_of
from services.executor.nodes.patches.projection import SMALLEST
from services.executor.patching.model_patcher import ModelPatcher


class CFGNorm(SchemaPatchNode):
    """Guidance bounded by the length of the positive prediction."""

    RETURN_NAMES = ("patched_model",)
    CATEGORY = "advanced/guidance"
    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_cfg"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, and a factor of the result."""
        return {"required": {"model": MODEL, "strength": number(1.0, 0.0, 100.0, 0.01)}}

    def patch(self, model: ModelPatcher | None, strength: float) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing.
        """

        def bound(told: dict[str, Any]) -> Tensor:
            guided: Tensor = told["denoised"]
            longest = torch.linalg.vector_norm(told["cond_denoised"], dim=1, keepdim=True)
            length = torch.linalg.vector_norm(guided, dim=1, keepdim=True) + SMALLEST
            bounded: Tensor = guided * (longest / length).clamp(0.0, 1.0) * strength
            return bounded

        patched = copy_of(model)
        patched.set_model_sampler_post_cfg_function(bound)
        return (patched,)


NODES: tuple[type, ...] = (CFGNorm,)
