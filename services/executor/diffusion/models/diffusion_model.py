"""A UNet with everything that sampling has to know about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.families import Family
from services.executor.diffusion.families.concatenation import Concatenation, Sampled
from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.models.precision import computing_dtype
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.patches import UNPATCHED, UNetPatches

CELL_PIXELS = 8
"""Height and width of a latent's cell."""

MAPS = 16
"""Feature maps of the latent's size and of `model_channels` that a UNet holds at once; see `bench.activations`."""
MAPS_WITH_ATTENTION = 26
"""The same where transformers stand before the first downsampling: their feed-forward layers are the widest."""
SCRATCH = 1.25
"""What kernels take for themselves, as a factor."""
WORKSPACE = 128 << 20
"""Bytes that an accelerator's libraries take besides, whatever the size of what they compute."""


class LatentDiffusionModel:
    """A loaded diffusion network.

    Attributes:
        unet: the network, its weights in the dtype of the file.
        model_sampling: the noise levels it was trained on and what it predicts.
        latent_format: the latent space it works in.
        family: what it is one of.
        vector_condition: makes its vector condition, None where it takes none.
        concatenation: makes the channels that it is given beside the latent, None where it is given none.
        grey: (channels,) the latent, in its space, of a picture that is all grey; zeros until somebody knows better.
    """

    def __init__(
        self,
        unet: UNet,
        model_sampling: ModelSampling,
        latent_format: LatentFormat,
        family: Family,
        concatenation: Concatenation | None = None,
    ) -> None:
        self.unet = unet
        self.family = family
        self.model_sampling = model_sampling
        self.latent_format = latent_format
        self.vector_condition = family.vector
        self.concatenation = concatenation
        self.grey = torch.zeros(latent_format.channels)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.unet.parameters()).device

    def dtype_on(self, device: torch.device) -> torch.dtype:
        """The dtype it computes in on a device, see `precision.py`."""
        return computing_dtype(next(self.unet.parameters()).dtype, device)

    def working_memory(self, cells: int, device: torch.device) -> int:
        """Roughly how many bytes a forward pass over so many cells, those of a whole batch, takes at once."""
        spec = self.unet.spec
        maps = MAPS_WITH_ATTENTION if spec.attends_before_downsampling else MAPS
        taken = int(cells * spec.model_channels * maps * self.dtype_on(device).itemsize * SCRATCH)
        return taken if device.type == "cpu" else taken + WORKSPACE

    def vector(self, options: Mapping[str, Any], height: int, width: int) -> Tensor | None:
        """The vector condition (batch, channels) for a latent of a size in cells, None where the family has none.

        Raises:
            ValueError: the condition lacks what it is made of.
        """
        if self.vector_condition is None:
            return None
        pixels = {"height": height * CELL_PIXELS, "width": width * CELL_PIXELS}
        return self.vector_condition.vector({**pixels, **options}, self.unet.spec.adm_channels or 0)

    def beside(self, options: Mapping[str, Any], noise: Tensor) -> Tensor | None:
        """The channels (batch, channels, height, width) beside a latent as large as `noise`, None where there are none.

        Raises:
            ValueError: an option of the condition cannot be used.
        """
        if self.concatenation is None:
            return None
        return self.concatenation.tensor(options, Sampled(noise, self.latent_format.to_model, self.grey))

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
        dtype = self.dtype_on(x.device)
        vector = None if y is None else y.to(dtype)
        prediction: Tensor = self.unet(x.to(dtype), timestep, context.to(dtype), vector, patches)
        return prediction
