"""Masks whose brightness says from when on a place is made new (Levin and Fried 2023, "Differential Diffusion: Giving
Each Pixel Its Strength")."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.nodes.declarations import number
from services.executor.nodes.patches.model_patch import MODEL, SchemaPatchNode, copy_of
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.model_sampling import as_samplers_know_it
from services.executor.patching.sigma_rows import level_of


class DifferentialDiffusion(SchemaPatchNode):
    """A mask of strengths."""

    DISPLAY_NAME = "Differential Diffusion"
    CATEGORY = "_for_testing"
    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_differential_diffusion"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, and how far the mask as it is gives way to the one of the step."""
        return {"required": {"model": MODEL}, "optional": {"strength": number(1.0, 0.0, 1.0, 0.01)}}

    def patch(self, model: ModelPatcher | None, strength: float = 1.0) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing.
        """

        def mask_of_step(sigma: Tensor, denoise_mask: Tensor, extra_options: dict[str, Any]) -> Tensor:
            threshold = _progress_left(extra_options, sigma)
            binary = (denoise_mask >= threshold).to(denoise_mask.dtype)
            return denoise_mask.lerp(binary, strength)

        patched = copy_of(model)
        patched.set_model_denoise_mask_function(mask_of_step)
        return (patched,)


def _progress_left(told: dict[str, Any], sigma: Tensor) -> float:
    """The share, in timesteps, of the run that is still ahead."""
    sigmas = told["sigmas"]
    levels = as_samplers_know_it(told["model"].inner_model.model_sampling)
    lowest = levels.sigma_min if float(sigmas[-1]) == 0 else sigmas[-1]
    highest = sigmas[0].clamp(max=levels.sigma_max)
    now, first, last = (float(levels.timestep(it.cpu())) for it in (level_of(sigma).flatten()[0], highest, lowest))
    return (now - last) / (first - last) if first != last else 0.0


NODES: tuple[type, ...] = (DifferentialDiffusion,)
