"""Predicted noise made smaller, against the bias of sampling with one's own results (Ning et al. 2024, "Elucidating the
Exposure Bias in Diffusion Models")."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.nodes.patches.model_patch import MODEL, SchemaPatchNode, copy_of
from services.executor.patching.model_patcher import ModelPatcher


class EpsilonScaling(SchemaPatchNode):
    """The predicted noise divided by a factor."""

    NODE_ID = "Epsilon Scaling"
    CATEGORY = "model_patches/unet"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_eps"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model and the factor."""
        factor = {"default": 1.005, "min": 0.5, "max": 1.5, "step": 0.001, "display": "number"}
        return {"required": {"model": MODEL, "scaling_factor": ("FLOAT", factor)}}

    def patch(self, model: ModelPatcher | None, scaling_factor: float) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing, or the factor is zero.
        """
        if scaling_factor == 0:
            raise ValueError("scaling_factor: must not be zero")

        def shrink(told: dict[str, Any]) -> Tensor:
            noisy = told["input"]
            scaled: Tensor = noisy - (noisy - told["denoised"]) / scaling_factor
            return scaled

        patched = copy_of(model)
        patched.set_model_sampler_post_cfg_function(shrink)
        return (patched,)


NODES: tuple[type, ...] = (EpsilonScaling,)
