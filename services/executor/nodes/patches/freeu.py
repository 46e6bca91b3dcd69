"""Stronger backbone features and weaker low frequencies of skip connections in a UNet (Si et al. 2023, "FreeU: Free
Lunch in Diffusion U-Net")."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.declarations import number
from services.executor.nodes.patches.frequencies import low_frequencies_scaled
from services.executor.nodes.patches.model_patch import ModelPatchNode, copy_of
from services.executor.patching.model_patcher import ModelPatcher

#: Width of the features, in widths of the outermost blocks, at the first and at the second stage that are changed.
STAGES = (4, 2)
LOWEST = 1  # frequencies on each side of the constant


class FreeU(ModelPatchNode):
    """Half of the backbone's channels strengthened by a factor."""

    CATEGORY = "model_patches/unet"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_freelunch"
    BACKBONE = (1.1, 1.2)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, and for each stage the factors of the backbone and of the skip connections."""
        first, second = cls.BACKBONE
        return {
            "required": {
                "model": ("MODEL",),
                "b1": number(first, 0.0, 10.0, 0.01),
                "b2": number(second, 0.0, 10.0, 0.01),
                "s1": number(0.9, 0.0, 10.0, 0.01),
                "s2": number(0.2, 0.0, 10.0, 0.01),
            }
        }

    def patch(self, model: ModelPatcher | None, b1: float, b2: float, s1: float, s2: float) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing.
        """
        patched = copy_of(model)
        width = patched.model.diffusion_model.model_channels
        factors = {width * times: pair for times, pair in zip(STAGES, ((b1, s1), (b2, s2)), strict=True)}

        def change(hidden: Tensor, skip: Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor]:
            if hidden.shape[1] not in factors:
                return hidden, skip
            backbone, low = factors[hidden.shape[1]]
            half, rest = hidden.tensor_split([hidden.shape[1] // 2], dim=1)
            strong = half * self.strength(hidden, backbone)
            return torch.cat([strong, rest], dim=1), low_frequencies_scaled(skip, low, LOWEST)

        patched.set_model_output_block_patch(change)
        return (patched,)

    def strength(self, hidden: Tensor, factor: float) -> float | Tensor:
        """By what the features (batch, channels, height, width) are multiplied."""
        return factor


class FreeU_V2(FreeU):
    """The same, by as much as the average feature at a place is strong."""

    BACKBONE = (1.3, 1.4)

    def strength(self, hidden: Tensor, factor: float) -> Tensor:
        """From 1 where the average is lowest in the latent to the factor where it is highest."""
        average = hidden.mean(1, keepdim=True)
        lowest, highest = average.amin((2, 3), keepdim=True), average.amax((2, 3), keepdim=True)
        # Where all are the same, as in features of one cell, none is more than another.
        spread = (highest - lowest).masked_fill(highest == lowest, 1.0)
        return 1 + (factor - 1) * (average - lowest) / spread


NODES: tuple[type, ...] = (FreeU, FreeU_V2)
