"""Guidance whose result has the deviation of the positive prediction (Lin et al. 2024, "Common Diffusion Noise
Schedules and Sample Steps are Flawed", 3.4)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.diffusion.prediction import Velocity
from services.executor.nodes.declarations import number
from services.executor.nodes.patches.model_patch import ModelPatchNode, copy_of
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.model_sampling import beside

EACH_LATENT = (1, 2, 3)


class RescaleCFG(ModelPatchNode):
    """Guidance that does not brighten."""

    CATEGORY = "advanced/model"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_model_advanced"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, and the share of the rescaled result."""
        return {"required": {"model": ("MODEL",), "multiplier": number(0.7, 0.0, 1.0, 0.01)}}

    def patch(self, model: ModelPatcher | None, multiplier: float) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing.
        """

        def difference(told: dict[str, Any]) -> Tensor:
            noisy, sigma = told["input"], beside(told["sigma"], told["input"])
            positive = velocity(told["cond_denoised"], noisy, sigma)
            negative = velocity(told["uncond_denoised"], noisy, sigma)
            guided = negative + (positive - negative) * told["cond_scale"]
            rescaled = guided * (positive.std(EACH_LATENT, keepdim=True) / guided.std(EACH_LATENT, keepdim=True))
            blended = guided.lerp(rescaled, multiplier)
            difference: Tensor = noisy - Velocity().denoised(blended, noisy, sigma)
            return difference

        patched = copy_of(model)
        patched.set_model_sampler_cfg_function(difference)
        return (patched,)


def velocity(denoised: Tensor, noisy: Tensor, sigma: Tensor) -> Tensor:
    """What a network would have said that predicts v, see `Velocity`."""
    variance = sigma**2 + 1
    return (noisy / variance - denoised) * variance**0.5 / sigma


NODES: tuple[type, ...] = (RescaleCFG,)
