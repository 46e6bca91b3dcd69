"""A UNet with everything that sampling has to know about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.families import Family
from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.patches import UNPATCHED, UNetPatches

CELL_PIXELS = 8
"""Height and width of a latent's cell."""


class LatentDiffusionModel:
    """A loaded diffusion network; fulfils `services.executor.diffusion.denoiser.DiffusionModel`.

    Attributes:
        unet: the network, its weights in the dtype of the file.
        model_sampling: the noise levels it was trained on and what it predicts.
        latent_format: the latent space it works in.
        family: what it is one of.
    """

    def __init__(self, unet: UNet, model_sampling: ModelSampling, latent_format: LatentFormat, family: Family) -> None:
        self.unet = unet
        self.family = family
        self.model_sampling = model_sampling
        self.latent_format = latent_format

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.unet.parameters()).device

    @property
    def compute_dtype(self) -> torch.dtype:
        """The dtype it computes in: float32 on CPUs, whose half precision is slow, elsewhere that of the weights."""
        if self.device.type == "cpu":
            return torch.float32
        return next(self.unet.parameters()).dtype

    def vector(self, options: Mapping[str, Any], height: int, width: int) -> Tensor | None:
        """The vector condition (batch, channels) for a latent of a size in cells, None where the family has none.

        Raises:
            ValueError: the condition lacks what it is made of.
        """
        if self.family.vector is None:
            return None
        pixels = {"height": height * CELL_PIXELS, "width": width * CELL_PIXELS}
        return self.family.vector.vector({**pixels, **options}, self.unet.spec.adm_channels or 0)

    def apply_model(
        self,
        x: Tensor,
        timestep: Tensor,
        context: Tensor,
        *,
        y: Tensor | None = None,
        patches: UNetPatches = UNPATCHED,
    ) -> Tensor:
        """The raw prediction (batch, channels, height, width) for a latent of that shape."""
        dtype = self.compute_dtype
        vector = None if y is None else y.to(dtype)
        prediction: Tensor = self.unet(x.to(dtype), timestep, context.to(dtype), vector, patches)
        return prediction
