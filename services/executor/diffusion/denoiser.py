"""The network as a denoiser: noise level and noisy latent in, clean latent out."""

from __future__ import annotations

from collections.abc import Callable
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

    def apply_model(self, x: Tensor, timestep: Tensor, context: Tensor, *, y: Tensor | None = None) -> Tensor:
        """Run the network once.

        Args:
            x: (batch, channels, height, width), scaled as the network expects.
            timestep: (batch,) float32.
            context: (batch, tokens, width) text embedding.
            y: (batch, features) pooled conditioning.

        Returns:
            The raw prediction, of x's shape.
        """


Network = Callable[[Tensor, Tensor], Tensor]
"""Returns the raw prediction for a latent (batch, channels, height, width) and timesteps (batch,)."""


def denoised_by(network: Network, sampling: ModelSampling, x: Tensor, sigma: Tensor) -> Tensor:
    """Return the network's estimate of the clean latent.

    Args:
        x: (batch, channels, height, width), on the network's device.
        sigma: on the CPU: 0-dim, which reaches the device as a fill value, so nothing waits; or (batch,), one for each.
    """
    scaled, timestep = network_inputs(sampling, x, sigma)
    output = network(scaled, timestep)
    if sigma.dim():
        sigma = _over(x, sigma)
    return sampling.prediction.denoised(output.float(), x, sigma)


def network_inputs(sampling: ModelSampling, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """Return a latent as a network was trained to see it, and the timesteps (batch,); arguments as in `denoised_by`."""
    timestep = sampling.timestep(sigma)
    if sigma.dim():
        return sampling.prediction.model_input(x, _over(x, sigma)), timestep.float().to(x.device)
    return sampling.prediction.model_input(x, sigma), torch.full((len(x),), float(timestep), device=x.device)


def _over(x: Tensor, sigma: Tensor) -> Tensor:
    return sigma.to(x.device).view(-1, *[1] * (x.dim() - 1))
