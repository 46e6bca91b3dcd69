"""The network as a denoiser: noise level and noisy latent in, clean latent out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from services.executor.diffusion.model_sampling import ModelSampling

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
