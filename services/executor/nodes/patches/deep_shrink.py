"""A UNet whose deeper blocks see smaller features while the picture is laid out, so that it works beyond the sizes that
it was trained on (Kohya, "Deep Shrink", 2023)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.nodes.declarations import number, whole
from services.executor.nodes.latent_scaling import METHODS, scaled_latent
from services.executor.nodes.patches.model_patch import MODEL, SchemaPatchNode, copy_of
from services.executor.nodes.schema_node import combo
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.sigma_rows import level_of

SMOOTHEST_FIRST = ("bicubic", *(method for method in METHODS if method != "bicubic"))


class PatchModelAddDownscale(SchemaPatchNode):
    """Features made smaller after an input block, and larger again where its output block meets them."""

    DISPLAY_NAME = "PatchModelAddDownscale (Kohya Deep Shrink)"
    CATEGORY = "model_patches/unet"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_model_downscale"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, after which block, how much smaller, during which share of sampling, and how."""
        return {
            "required": {
                "model": MODEL,
                "block_number": whole(3, 1, 32),
                "downscale_factor": number(2.0, 0.1, 9.0, 0.001),
                "start_percent": number(0.0, 0.0, 1.0, 0.001),
                "end_percent": number(0.35, 0.0, 1.0, 0.001),
                "downscale_after_skip": ("BOOLEAN", {"default": True}),
                "downscale_method": combo(*SMOOTHEST_FIRST),
                "upscale_method": combo(*SMOOTHEST_FIRST),
            }
        }

    def patch(
        self,
        model: ModelPatcher | None,
        block_number: int,
        downscale_factor: float,
        start_percent: float,
        end_percent: float,
        downscale_after_skip: bool,
        downscale_method: str,
        upscale_method: str,
    ) -> tuple[ModelPatcher]:
        """Return the model; with `downscale_after_skip` what the output block gets from the input block stays large.

        Raises:
            ValueError: the model is missing, or the factor is not above zero.
        """
        if downscale_factor <= 0:
            raise ValueError("downscale_factor: must be above zero")
        patched = copy_of(model)
        levels = patched.model_sampling
        first, last = levels.percent_to_sigma(start_percent), levels.percent_to_sigma(end_percent)

        def shrink(hidden: Tensor, options: dict[str, Any]) -> Tensor:
            sigma = float(level_of(options["sigmas"]).max())
            if options["block"][1] != block_number or not last <= sigma <= first:
                return hidden
            height, width = (max(1, round(side / downscale_factor)) for side in hidden.shape[-2:])
            return scaled_latent(hidden, width, height, downscale_method, "disabled", "downscale_factor")

        def enlarge(hidden: Tensor, skip: Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor]:
            if hidden.shape[-2:] != skip.shape[-2:]:
                height, width = skip.shape[-2:]
                hidden = scaled_latent(hidden, width, height, upscale_method, "disabled", "downscale_factor")
            return hidden, skip

        if downscale_after_skip:
            patched.set_model_input_block_patch_after_skip(shrink)
        else:
            patched.set_model_input_block_patch(shrink)
        patched.set_model_output_block_patch(enlarge)
        return (patched,)


NODES: tuple[type, ...] = (PatchModelAddDownscale,)
