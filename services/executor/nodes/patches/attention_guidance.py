"""Guidance away from a prediction whose self-attention sees nothing but each place itself (Ahn et al. 2024,
"Self-Rectifying Diffusion Sampling with Perturbed-Attention Guidance")."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.nodes.patches.model_patch import MODEL, SchemaPatchNode, copy_of
from services.executor.patching.model_options import set_model_options_patch_replace
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.prediction import calc_cond_batch


class PerturbedAttentionGuidance(SchemaPatchNode):
    """Guidance by a worse structure."""

    CATEGORY = "model_patches/unet"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_pag"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model and how far to go."""
        scale = {"default": 3.0, "min": 0.0, "max": 100.0, "step": 0.01, "round": 0.01}
        return {"required": {"model": MODEL, "scale": ("FLOAT", scale)}}

    def patch(self, model: ModelPatcher | None, scale: float) -> tuple[ModelPatcher]:
        """Return the model; each step runs the network once more unless the scale is zero.

        Raises:
            ValueError: the model is missing.
        """
        patched = copy_of(model)
        if scale != 0:
            patched.set_model_sampler_post_cfg_function(lambda told: _guided(told, scale))
        return (patched,)


def _guided(told: dict[str, Any], scale: float) -> Tensor:
    options = set_model_options_patch_replace(told["model_options"], _values_alone, "attn1", "middle", 0)
    (perturbed,) = calc_cond_batch(told["model"], [told["cond"]], told["input"], told["sigma"], options)
    guided: Tensor = told["denoised"] + (told["cond_denoised"] - perturbed) * scale
    return guided


def _values_alone(query: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]) -> Tensor:
    return value


NODES: tuple[type, ...] = (PerturbedAttentionGuidance,)
