"""Guidance of bounded length, without what only saturates (Sadat et al. 2024, "Eliminating Oversaturation and Artifacts
of High Guidance Scales in Diffusion Models")."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.declarations import number
from services.executor.nodes.patches.model_patch import MODEL, SchemaPatchNode, copy_of, is_guided
from services.executor.nodes.patches.projection import part_along
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.sigma_rows import level_of


class APG(SchemaPatchNode):
    """Guidance with the part along the positive prediction scaled."""

    DISPLAY_NAME = "Adaptive Projected Guidance"
    CATEGORY = "sampling/custom_sampling"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_apg"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, the factor of the parallel part, the greatest length (0: any), and what earlier steps add."""
        return {
            "required": {
                "model": MODEL,
                "eta": number(1.0, -10.0, 10.0, 0.01),
                "norm_threshold": number(5.0, 0.0, 50.0, 0.1),
                "momentum": number(0.0, -5.0, 1.0, 0.01),
            }
        }

    def patch(
        self, model: ModelPatcher | None, eta: float, norm_threshold: float, momentum: float
    ) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing.
        """
        average = RunningSum(momentum)

        def project(told: dict[str, Any]) -> list[Tensor]:
            if not is_guided(told):
                found: list[Tensor] = told["conds_out"]
                return found
            positive, negative, *others = told["conds_out"]
            guidance = average.with_next(positive - negative, float(level_of(told["sigma"]).max()))
            if norm_threshold > 0:
                length = torch.linalg.vector_norm(guidance, dim=(1, 2, 3), keepdim=True)
                guidance = guidance * (norm_threshold / length).clamp(max=1.0)
            parallel = part_along(guidance, positive)
            guidance = guidance + (eta - 1) * parallel
            # The scale is applied to what is given: the positive prediction itself comes out once.
            return [negative + guidance + (positive - negative) / told["cond_scale"], negative, *others]

        patched = copy_of(model)
        patched.set_model_sampler_pre_cfg_function(project)
        return (patched,)


class RunningSum:
    """What was guided at earlier steps, fading by the momentum; a level that is not lower begins another run."""

    def __init__(self, momentum: float) -> None:
        self._momentum = momentum
        self._sum: Tensor | None = None
        self._sigma = 0.0

    def with_next(self, guidance: Tensor, sigma: float) -> Tensor:
        """Add the guidance at a level and return the sum."""
        goes_on = self._sum is not None and sigma < self._sigma and self._sum.shape == guidance.shape
        self._sum = guidance + self._momentum * self._sum if goes_on and self._sum is not None else guidance
        self._sigma = sigma
        return self._sum


NODES: tuple[type, ...] = (APG,)
