"""Nodes that put latents onto others, and masks onto latents."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from services.executor.nodes.batches import repeated
from services.executor.nodes.declarations import LONGEST_SIDE, whole
from services.executor.nodes.latent import CELL, Latent
from services.executor.nodes.latent_scaling import check_channels

PLACE = whole(0, 0, LONGEST_SIDE, step=CELL)


class LatentComposite:
    """A latent put onto another."""

    DISPLAY_NAME = "Latent Composite"
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "composite"
    CATEGORY = "latent"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latents, where the second goes, and how wide its edges fade; all in pixels."""
        return {
            "required": {
                "samples_to": ("LATENT",),
                "samples_from": ("LATENT",),
                "x": PLACE,
                "y": PLACE,
                "feather": PLACE,
            }
        }

    def composite(self, samples_to: Latent, samples_from: Latent, x: int, y: int, feather: int = 0) -> tuple[Latent]:
        """Return the first with the second on it; edges at the edge of the first do not fade.

        Raises:
            ValueError: the second is for another model.
        """
        result = samples_to["samples"].clone()
        check_channels(samples_from["samples"], result, "samples_from")
        left, top, reach = x // CELL, y // CELL, feather // CELL
        under = result[..., top:, left:]
        source = samples_from["samples"]
        source = source[..., : under.shape[-2], : under.shape[-1]]
        height, width = source.shape[-2:]
        under = under[..., :height, :width]
        if reach:
            rows = _faded(height, reach, top > 0, top + height < result.shape[-2])
            columns = _faded(width, reach, left > 0, left + width < result.shape[-1])
            weight = (rows[:, None] * columns).to(source)
            source = source * weight + under * (1.0 - weight)
        under.copy_(source)
        return (samples_to | {"samples": result},)


class LatentCompositeMasked:
    """A latent put onto another where a mask says so."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "composite"
    CATEGORY = "latent"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_mask"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latents, where the second goes in pixels, whether it is first brought to the size of the other."""
        return {
            "required": {
                "destination": ("LATENT",),
                "source": ("LATENT",),
                "x": PLACE,
                "y": PLACE,
                "resize_source": ("BOOLEAN", {"default": False}),
            },
            "optional": {"mask": ("MASK",)},
        }

    def composite(
        self,
        destination: Latent,
        source: Latent,
        x: int,
        y: int,
        resize_source: bool,
        mask: Tensor | None = None,
    ) -> tuple[Latent]:
        """Return the first with the second on it; the mask is stretched over the second.

        Raises:
            ValueError: the second is empty or for another model.
        """
        result = destination["samples"].clone()
        over = source["samples"].to(result.device)
        check_channels(over, result, "source")
        if resize_source:
            over = functional.interpolate(over, size=result.shape[-2:], mode="bilinear")
        over = repeated(over, len(result), "source")
        under = result[..., y // CELL :, x // CELL :][..., : over.shape[-2], : over.shape[-1]]
        height, width = under.shape[-2:]
        covered = over[..., :height, :width]
        if mask is not None and covered.numel():
            weight = repeated(_stretched(mask.to(over), over), len(over), "mask")[..., :height, :width]
            covered = covered * weight + under * (1.0 - weight)
        under.copy_(covered)
        return (destination | {"samples": result},)


class SetLatentNoiseMask:
    """Latents of which a part is to be made new."""

    DISPLAY_NAME = "Set Latent Noise Mask"
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "set_mask"
    CATEGORY = "latent/inpaint"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latents and the mask, which may have another size."""
        return {"required": {"samples": ("LATENT",), "mask": ("MASK",)}}

    def set_mask(self, samples: Latent, mask: Tensor) -> tuple[Latent]:
        """Return the latents with the mask as (masks, 1, height, width)."""
        return (samples | {"noise_mask": mask.reshape(-1, 1, *mask.shape[-2:])},)


def _faded(length: int, reach: int, at_start: bool, at_end: bool) -> Tensor:
    """Weights that rise to 1 over `reach` cells from those ends that fade."""
    weights = torch.ones(length)
    ramp = (torch.arange(1, reach + 1) / reach)[:length]
    if at_start:
        weights[: len(ramp)] *= ramp
    if at_end:
        weights[length - len(ramp) :] *= ramp.flip(0)
    return weights


def _stretched(mask: Tensor, latent: Tensor) -> Tensor:
    masks = mask.reshape(-1, 1, *mask.shape[-2:])
    return functional.interpolate(masks, size=latent.shape[-2:], mode="bilinear")


NODES: tuple[type, ...] = (LatentComposite, LatentCompositeMasked, SetLatentNoiseMask)
