"""Nodes that make operations on latents, and apply them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from services.executor.nodes.checkpoint_parts import held_model
from services.executor.nodes.declarations import number, whole
from services.executor.nodes.latent import Latent
from services.executor.nodes.latent_arithmetic import LATENT, LatentNode
from services.executor.patching.model_patcher import ModelPatcher

SMALLEST_TONE = 1e-10  # keeps the direction of an empty cell defined when tones are mapped
SMALLEST_LUMINANCE = 1e-6  # the same when latents are sharpened


class LatentOperation(Protocol):
    """What flows between nodes as LATENT_OPERATION."""

    def __call__(self, latent: Tensor, **options: Any) -> Tensor:
        """Return the latent (batch, channels, height, width) changed."""
        ...


class OperationNode(LatentNode):
    """A node of operations."""

    CATEGORY = "latent/advanced/operations"
    EXPERIMENTAL = True


class LatentApplyOperation(OperationNode):
    """A latent with an operation applied."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latent and the operation."""
        return {"required": {"samples": LATENT, "operation": ("LATENT_OPERATION", {})}}

    def execute(self, samples: Latent, operation: LatentOperation) -> tuple[Latent]:
        """Return what the operation makes of the latent."""
        return (samples | {"samples": operation(latent=samples["samples"])},)


class LatentApplyOperationCFG(OperationNode):
    """A model with an operation applied to what guides it."""

    RETURN_TYPES = ("MODEL",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model and the operation."""
        return {"required": {"model": ("MODEL", {}), "operation": ("LATENT_OPERATION", {})}}

    def execute(self, model: ModelPatcher | None, operation: LatentOperation) -> tuple[ModelPatcher]:
        """Return the model; the operation changes by how much the positive prediction differs from the negative one.

        At a scale of 1, where the negative side is not computed, it changes the positive prediction itself.

        Raises:
            ValueError: the model is missing.
        """
        model = held_model(model)

        def operate(told: dict[str, Any]) -> list[Tensor]:
            positive, *others = told["conds_out"]
            if not others:
                return [operation(latent=positive)]
            return [operation(latent=positive - others[0]) + others[0], *others]

        changed = model.clone()
        changed.set_model_sampler_pre_cfg_function(operate)
        return (changed,)


class LatentOperationTonemapReinhard(OperationNode):
    """An operation that softens the strongest cells."""

    RETURN_TYPES = ("LATENT_OPERATION",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """How strong the strongest cells may stay."""
        return {"required": {"multiplier": number(1.0, 0.0, 100.0, 0.01)}}

    def execute(self, multiplier: float) -> tuple[LatentOperation]:
        """Return the operation."""
        return (ReinhardTones(multiplier),)


class LatentOperationSharpen(OperationNode):
    """An operation that strengthens differences between neighbours."""

    RETURN_TYPES = ("LATENT_OPERATION",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """How far neighbours are looked at, how their weight falls, and how strong it is."""
        return {
            "required": {
                "sharpen_radius": whole(9, 1, 31),
                "sigma": number(1.0, 0.1, 10.0, 0.1),
                "alpha": number(0.1, 0.0, 5.0, 0.01),
            }
        }

    def execute(self, sharpen_radius: int, sigma: float, alpha: float) -> tuple[LatentOperation]:
        """Return the operation."""
        return (Sharpening(sharpen_radius, sigma, alpha),)


@dataclass(frozen=True)
class ReinhardTones:
    """Compresses the norms of the cells' vectors below a ceiling (Reinhard et al. 2002, equation 3).

    The ceiling is `multiplier` times what lies five standard deviations above the mean norm of a latent.
    """

    multiplier: float

    def __call__(self, latent: Tensor, **options: Any) -> Tensor:
        """Return the latent with its tones mapped."""
        norms = _norms(latent) + SMALLEST_TONE
        axes = list(range(1, latent.ndim))
        ceiling = (norms.std(dim=axes, keepdim=True) * 5 + norms.mean(dim=axes, keepdim=True)) * self.multiplier
        return latent * (ceiling / (norms + ceiling))


@dataclass(frozen=True)
class Sharpening:
    """Unsharp masking of the directions of the cells' vectors; their norms stay.

    Attributes:
        radius: in cells.
        sigma: of the Gaussian, where 1 is the radius.
        alpha: strength; 0 changes nothing.
    """

    radius: int
    sigma: float
    alpha: float

    def __call__(self, latent: Tensor, **options: Any) -> Tensor:
        """Return the latent sharpened.

        Raises:
            ValueError: it is not larger than the radius, so that it cannot be mirrored at its edges.
        """
        if min(latent.shape[-2:]) <= self.radius:
            raise ValueError(f"sharpen_radius: {self.radius} is too large for a latent of {tuple(latent.shape[-2:])}")
        channels = latent.shape[1]
        norms = _norms(latent) + SMALLEST_LUMINANCE
        padded = functional.pad(latent / norms, [self.radius] * 4, "reflect")
        kernel = self._kernel().to(latent).expand(channels, 1, -1, -1)
        return norms * functional.conv2d(padded, kernel, groups=channels)

    def _kernel(self) -> Tensor:
        """Weights (side, side) that sum to 1."""
        across = torch.linspace(-1, 1, 2 * self.radius + 1)
        squares = across[:, None] ** 2 + across**2
        gaussian = torch.exp(-squares / (2.0 * self.sigma**2))
        kernel = gaussian / gaussian.sum() * (self.alpha * -10)
        kernel[self.radius, self.radius] += 1.0 - kernel.sum()
        return kernel


def _norms(latent: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(latent, dim=1, keepdim=True)
    return norms


NODES: tuple[type, ...] = (
    LatentApplyOperation,
    LatentApplyOperationCFG,
    LatentOperationTonemapReinhard,
    LatentOperationSharpen,
)
