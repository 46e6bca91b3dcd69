"""Guidance with its own strength for low and for high frequencies (Huang et al. 2025, "FreSca: Scaling in Frequency
Space Enhances Diffusion Models")."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.nodes.declarations import number, whole
from services.executor.nodes.patches.frequencies import frequencies_scaled
from services.executor.nodes.patches.model_patch import MODEL, SchemaPatchNode, copy_of, is_guided
from services.executor.patching.model_patcher import ModelPatcher


class FreSca(SchemaPatchNode):
    """What the prompt changes, scaled by frequency."""

    DISPLAY_NAME = "FreSca"
    DESCRIPTION = "Gives the low and the high frequencies of guidance factors of their own."
    CATEGORY = "_for_testing"
    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_fresca"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, both factors, and which frequencies are low."""
        return {
            "required": {
                "model": MODEL,
                "scale_low": number(1.0, 0, 10, 0.01),
                "scale_high": number(1.25, 0, 10, 0.01),
                "freq_cutoff": whole(20, 1, 10000),
            }
        }

    def patch(
        self, model: ModelPatcher | None, scale_low: float, scale_high: float, freq_cutoff: int
    ) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing.
        """

        def scale(told: dict[str, Any]) -> list[Tensor]:
            if not is_guided(told):
                found: list[Tensor] = told["conds_out"]
                return found
            positive, negative, *others = told["conds_out"]
            guidance = frequencies_scaled(positive - negative, scale_low, scale_high, freq_cutoff)
            return [negative + guidance, negative, *others]

        patched = copy_of(model)
        patched.set_model_sampler_pre_cfg_function(scale)
        return (patched,)


NODES: tuple[type, ...] = (FreSca,)
