"""Nodes that calculate with latents."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.declarations import Declaration, number
from services.executor.nodes.latent import Latent
from services.executor.nodes.latent_scaling import check_channels, like, scaled_latent
from services.executor.nodes.schema_node import SchemaNode

LATENT: Declaration = ("LATENT", {})


class LatentNode(SchemaNode):
    """A node from latents to a latent."""

    FUNCTION = "execute"
    CATEGORY = "latent/advanced"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_latent"
    RETURN_TYPES: tuple[str, ...] = ("LATENT",)


class LatentAdd(LatentNode):
    """The sum of two latents."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latents."""
        return {"required": {"samples1": LATENT, "samples2": LATENT}}

    def execute(self, samples1: Latent, samples2: Latent) -> tuple[Latent]:
        """Return the first with the second, brought to its size, added."""
        first = samples1["samples"]
        return (samples1 | {"samples": first + like(samples2["samples"], first)},)


class LatentSubtract(LatentNode):
    """The difference of two latents."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latents."""
        return {"required": {"samples1": LATENT, "samples2": LATENT}}

    def execute(self, samples1: Latent, samples2: Latent) -> tuple[Latent]:
        """Return the first with the second, brought to its size, taken away."""
        first = samples1["samples"]
        return (samples1 | {"samples": first - like(samples2["samples"], first)},)


class LatentMultiply(LatentNode):
    """A latent made stronger or weaker."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latent and the factor."""
        return {"required": {"samples": LATENT, "multiplier": number(1.0, -10.0, 10.0, 0.01)}}

    def execute(self, samples: Latent, multiplier: float) -> tuple[Latent]:
        """Return the latent times the factor."""
        return (samples | {"samples": samples["samples"] * multiplier},)


class LatentInterpolate(LatentNode):
    """A latent between two."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latents and the share of the first."""
        return {"required": {"samples1": LATENT, "samples2": LATENT, "ratio": number(1.0, 0.0, 1.0, 0.01)}}

    def execute(self, samples1: Latent, samples2: Latent, ratio: float) -> tuple[Latent]:
        """Return what lies between, direction and length of each cell's vector of channels by themselves."""
        first = samples1["samples"]
        second = like(samples2["samples"], first)
        first_norm, second_norm = _norm(first), _norm(second)
        direction = _divided(first, first_norm) * ratio + _divided(second, second_norm) * (1.0 - ratio)
        between = _divided(direction, _norm(direction)) * (first_norm * ratio + second_norm * (1.0 - ratio))
        return (samples1 | {"samples": between},)


class LatentBlend:
    """Two latents laid over each other."""

    DISPLAY_NAME = "Latent Blend"
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "blend"
    CATEGORY = "_for_testing"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latents and the share of the first."""
        blend_factor = ("FLOAT", {"default": 0.5, "min": 0, "max": 1, "step": 0.01})
        return {"required": {"samples1": ("LATENT",), "samples2": ("LATENT",), "blend_factor": blend_factor}}

    def blend(self, samples1: Latent, samples2: Latent, blend_factor: float) -> tuple[Latent]:
        """Return the weighted mean, the second latent brought to the size of the first."""
        first, second = samples1["samples"], samples2["samples"]
        check_channels(second, first, "samples2")
        if second.shape[-2:] != first.shape[-2:]:
            second = scaled_latent(second, first.shape[-1], first.shape[-2], "bicubic", "center", "samples2")
        return (samples1 | {"samples": first * blend_factor + second * (1 - blend_factor)},)


def _norm(latent: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(latent, dim=1, keepdim=True)
    return norm


def _divided(latent: Tensor, norm: Tensor) -> Tensor:
    return torch.nan_to_num(latent / norm)


NODES: tuple[type, ...] = (LatentAdd, LatentSubtract, LatentMultiply, LatentInterpolate, LatentBlend)
