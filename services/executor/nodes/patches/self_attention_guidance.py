"""Guidance away from a prediction that was blurred where self-attention looks most (Hong et al. 2023, "Improving Sample
Quality of Diffusion Models Using Self-Attention Guidance")."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from services.executor.nodes.declarations import number
from services.executor.nodes.patches.model_patch import MODEL, SchemaPatchNode, copy_of
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.prediction import calc_cond_batch

NEGATIVE = 1  # how `cond_or_uncond` calls the negative side
MUCH = 1.0  # attention that a place gets from all places together, the average being 1
REACH = 4  # cells that the blur reaches to each side


class SelfAttentionGuidance(SchemaPatchNode):
    """Guidance by a loss of detail."""

    DISPLAY_NAME = "Self-Attention Guidance"
    CATEGORY = "_for_testing"
    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_sag"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, how far to go, and the deviation of the blur in cells."""
        scale, blur = number(0.5, -2.0, 5.0, 0.01), number(2.0, 0.0, 10.0, 0.1)
        return {"required": {"model": MODEL, "scale": scale, "blur_sigma": blur}}

    def patch(self, model: ModelPatcher | None, scale: float, blur_sigma: float) -> tuple[ModelPatcher]:
        """Return the model; each step runs the network once more.

        Raises:
            ValueError: the model is missing.
        """
        attended = Attended()

        def guide(told: dict[str, Any]) -> Tensor:
            guided: Tensor = told["denoised"]
            negative, noisy = told["uncond_denoised"], told["input"]
            mask = attended.mask
            if told["uncond"] is None or mask is None or len(mask) != len(noisy):
                return guided
            where = functional.interpolate(mask.to(noisy), size=noisy.shape[-2:], mode="nearest")
            degraded = negative.lerp(blurred(negative, blur_sigma), where)
            conds, options = [told["uncond"]], told["model_options"]
            (found,) = calc_cond_batch(told["model"], conds, degraded + noisy - negative, told["sigma"], options)
            sharper: Tensor = guided + (degraded - found) * scale
            return sharper

        patched = copy_of(model)
        patched.set_model_attn1_replace(attended, "middle", 0, 0)
        patched.set_model_sampler_post_cfg_function(guide, disable_cfg1_optimization=True)
        return (patched,)


class Attended:
    """Self-attention that remembers which places got much of it under the negative conditioning.

    Attributes:
        mask: (latents, 1, height, width) of the features, 1 where they did; None before the first run.
    """

    mask: Tensor | None = None

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]) -> Tensor:
        """Mix the values (batch, tokens, channels)."""
        heads: int = options["n_heads"]
        query, key, value = (part.view(*part.shape[:2], heads, -1).transpose(1, 2) for part in (query, key, value))
        weights = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).softmax(-1)
        sides = options["cond_or_uncond"]
        if NEGATIVE in sides:
            received = weights.chunk(len(sides))[sides.index(NEGATIVE)].mean(1).sum(1)
            height, width = options["activations_shape"][-2:]
            self.mask = (received > MUCH).view(-1, 1, height, width).float()
        mixed: Tensor = (weights @ value).transpose(1, 2).flatten(2)
        return mixed


def blurred(latents: Tensor, deviation: float) -> Tensor:
    """Latents (batch, channels, height, width) under a Gaussian of 9 x 9 cells; as they are where it has no width."""
    reach = min(REACH, *(side - 1 for side in latents.shape[-2:]))
    if deviation == 0 or reach < 1:
        return latents
    curve = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=latents.device) / deviation) ** 2).to(latents)
    kernel = torch.outer(curve, curve) / curve.sum() ** 2
    padded = functional.pad(latents, (reach,) * 4, mode="reflect")
    channels = latents.shape[1]
    return functional.conv2d(padded, kernel.expand(channels, 1, -1, -1), groups=channels)


NODES: tuple[type, ...] = (SelfAttentionGuidance,)
