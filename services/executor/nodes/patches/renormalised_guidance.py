"""Guidance that stays as long as the positive prediction is, and is left out at high noise.

Qin et al. 2025, "Lumina-Image 2.0", https://arxiv.org/abs/2503.21758, 3.4: CFG-Renormalization and CFG-Truncation.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.declarations import number
from services.executor.nodes.patches.model_patch import MODEL, SchemaPatchNode, copy_of
from services.executor.patching.model_patcher import ModelPatcher


class RenormCFG(SchemaPatchNode):
    """Guidance of a bounded length, below a noise level."""

    CATEGORY = "advanced/model"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_lumina2"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, the level from which on there is no guidance, and the longest it may be; 0 for any length."""
        return {
            "required": {
                "model": MODEL,
                "cfg_trunc": ("FLOAT", {"default": 100, "min": 0.0, "max": 100.0, "step": 0.01}),
                "renorm_cfg": number(1.0, 0.0, 100.0, 0.01),
            }
        }

    def patch(self, model: ModelPatcher | None, cfg_trunc: float, renorm_cfg: float) -> tuple[ModelPatcher]:
        """Return the model; lengths are in terms of the positive prediction's.

        Raises:
            ValueError: the model is missing.
        """

        def guided(told: dict[str, Any]) -> Tensor:
            noisy: Tensor = told["input"]
            cond: Tensor = told["cond_denoised"]
            if told["timestep"][0] >= cfg_trunc:
                return noisy - cond
            mixed = told["uncond_denoised"] + told["cond_scale"] * (cond - told["uncond_denoised"])
            if renorm_cfg > 0:
                mixed = mixed * (renorm_cfg * _length(cond) / _length(mixed)).clamp(max=1.0)
            bounded: Tensor = noisy - mixed
            return bounded

        patched = copy_of(model)
        patched.set_model_sampler_cfg_function(guided)
        return (patched,)


def _length(prediction: Tensor) -> Tensor:
    """Of each item of a batch."""
    length: Tensor = torch.linalg.vector_norm(prediction, dim=tuple(range(1, prediction.dim())), keepdim=True)
    return length


NODES: tuple[type, ...] = (RenormCFG,)
