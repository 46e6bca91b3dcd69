"""Guidance away from that part alone of the negative prediction that both predictions share (Kwon et al. 2025, "TCFG:
Tangential Damping Classifier-free Guidance")."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.patches.model_patch import SchemaPatchNode, copy_of
from services.executor.nodes.patches.projection import part_along
from services.executor.patching.model_patcher import ModelPatcher


class TCFG(SchemaPatchNode):
    """Guidance with the negative prediction's own direction taken out."""

    DISPLAY_NAME = "Tangential Damping CFG"
    DESCRIPTION = "Brings the negative prediction nearer to the positive one before guidance."
    RETURN_NAMES = ("patched_model",)
    CATEGORY = "advanced/guidance"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_tcfg"

    def patch(self, model: ModelPatcher | None) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing.
        """

        def damp(told: dict[str, Any]) -> list[Tensor]:
            noisy, (positive, negative, *others) = told["input"], told["conds_out"]
            score = noisy - negative
            return [positive, noisy - part_along(score, _main_direction(noisy - positive, score)), *others]

        patched = copy_of(model)
        patched.set_model_sampler_pre_cfg_function(damp)
        return (patched,)


def _main_direction(first: Tensor, second: Tensor) -> Tensor:
    """The unit vectors (batch, ...) nearest to both: the first right singular vectors of the pairs."""
    pairs = torch.stack([first.flatten(1), second.flatten(1)], dim=1).float()
    main: Tensor = torch.linalg.svd(pairs, full_matrices=False).Vh[:, 0]
    return main.view_as(first).to(first)


NODES: tuple[type, ...] = (TCFG,)
