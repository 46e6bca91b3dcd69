"""Guidance that follows the scaled positive prediction alone as far as that agrees with guidance in direction.

A method of the community; there is no paper.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional

from services.executor.nodes.patches.model_patch import SchemaPatchNode, copy_of
from services.executor.patching.model_patcher import ModelPatcher


class Mahiro(SchemaPatchNode):
    """Guidance blended with the positive prediction by their similarity."""

    DISPLAY_NAME = "Mahiro is so cute that she deserves a better guidance function!! (。・ω・。)"
    DESCRIPTION = "Follows the positive prompt more where guidance would go another way."
    RETURN_NAMES = ("patched_model",)
    CATEGORY = "_for_testing"
    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_mahiro"

    def patch(self, model: ModelPatcher | None) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing.
        """

        def blend(told: dict[str, Any]) -> Tensor:
            guided = told["denoised"]
            ahead, away = (told[side] * told["cond_scale"] for side in ("cond_denoised", "uncond_denoised"))
            similar = functional.cosine_similarity(_root(away), _root((ahead + guided) / 2), dim=1).mean()
            blended: Tensor = guided.lerp(ahead, 1 - (similar + 1) / 2)
            return blended

        patched = copy_of(model)
        patched.set_model_sampler_post_cfg_function(blend)
        return (patched,)


def _root(values: Tensor) -> Tensor:
    """The roots of the values' sizes, with their signs."""
    return values.abs().sqrt() * values.sign()


NODES: tuple[type, ...] = (Mahiro,)
