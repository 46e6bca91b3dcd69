"""The network as a denoiser: noise level and noisy latent in, clean latent out."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.model_sampling import ModelSampling


class DiffusionModel(Protocol):
    """A loaded diffusion network, as sampling needs it."""

    @property
    def device(self) -> torch.device:
        """Where the network computes; latents are moved there."""

    @property
    def model_sampling(self) -> ModelSampling:
        """The noise levels it was trained on and what it predicts."""

    @property
    def latent_format(self) -> LatentFormat:
        """The latent space it works in."""

    def vector(self, options: dict[str, Any], height: int, width: int) -> Tensor | None:
        """Return the pooled conditioning (batch, features) of one condition, None for families without one.

        Args:
            options: the dictionary beside the condition's embedding.
            height, width: of the latent, in latent cells.
        """

    def apply_model(
        self,
        x: Tensor,
        timestep: Tensor,
        context: Tensor,
        *,
        y: Tensor | None = None,
        control: dict[str, list[Tensor | None]] | None = None,
        transformer_options: dict[str, Any] | None = None,
    ) -> Tensor:
        """Run the network once.

        Args:
            x: (batch, channels, height, width), scaled as the network expects.
            timestep: (batch,) float32.
            context: (batch, tokens, width) text embedding.
            y: (batch, features) pooled conditioning.
            control: residuals of control networks by block list.
            transformer_options: patches and what they want to know of the step.

        Returns:
            The raw prediction, of x's shape.
        """


def denoised_by(
    model: DiffusionModel,
    x: Tensor,
    sigma: Tensor,
    context: Tensor,
    *,
    y: Tensor | None = None,
    control: dict[str, list[Tensor | None]] | None = None,
    transformer_options: dict[str, Any] | None = None,
) -> Tensor:
    """Return the network's estimate of the clean latent.

    Args:
        x: (batch, channels, height, width), on the model's device.
        sigma: 0-dim on the CPU; it reaches the device as a fill value, so nothing waits.
    """
    sampling = model.model_sampling
    timestep = torch.full((len(x),), float(sampling.timestep(sigma)), device=x.device)
    output = model.apply_model(
        sampling.prediction.model_input(x, sigma),
        timestep,
        context,
        y=y,
        control=control,
        transformer_options=transformer_options,
    )
    return sampling.prediction.denoised(output.float(), x, sigma)
