"""Guidance away from the negative prediction in the size that fits the positive one best (Fan et al. 2025, "CFG-Zero*:
Improved Classifier-Free Guidance for Flow Matching Models")."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.nodes.patches.model_patch import SchemaPatchNode, copy_of
from services.executor.nodes.patches.projection import share_along
from services.executor.patching.model_patcher import ModelPatcher


class CFGZeroStar(SchemaPatchNode):
    """Guidance with an optimised scale of the negative prediction."""

    RETURN_NAMES = ("patched_model",)
    CATEGORY = "advanced/guidance"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_cfg"

    def patch(self, model: ModelPatcher | None) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing.
        """

        def fit(told: dict[str, Any]) -> Tensor:
            noisy, positive, negative = told["input"], told["cond_denoised"], told["uncond_denoised"]
            share = share_along(noisy - positive, noisy - negative)
            # As if the negative prediction had been that much in the guidance.
            fitted: Tensor = told["denoised"] + negative * (share - 1.0) * (1.0 - told["cond_scale"])
            return fitted

        patched = copy_of(model)
        patched.set_model_sampler_post_cfg_function(fit)
        return (patched,)


NODES: tuple[type, ...] = (CFGZeroStar,)
