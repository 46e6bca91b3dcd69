"""What the networks of a family predict where their file does not say it."""

from __future__ import annotations

import torch
from torch import Tensor

from services.executor.diffusion.model_sampling import TIMESTEPS
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.prediction import Epsilon, Prediction, Velocity

PROBE_CELLS = 16
LEAST_SHARE = 0.5
"""Between the share of noise in noise, 1, and that in the velocity at the last timestep, 0.07."""


def noise(unet: UNet) -> Prediction:
    """The noise, whatever the network."""
    return Epsilon()


def velocity(unet: UNet) -> Prediction:
    """The velocity, whatever the network."""
    return Velocity()


@torch.inference_mode()
def noise_or_velocity(unet: UNet) -> Prediction:
    """What a network answers to pure noise at the last timestep.

    There a network that predicts noise returns what it is given. The velocity holds almost none of it, but the clean
    latent with its sign changed (Salimans and Ho, 2022, appendix D), which is about the same for all noise.
    """
    spec = unet.spec
    generator = torch.Generator().manual_seed(0)
    given = torch.randn(1, spec.in_channels, PROBE_CELLS, PROBE_CELLS, generator=generator)
    given[:, spec.out_channels :] = 0  # nothing beside the latent
    device = next(unet.parameters()).device
    context = torch.zeros(1, 1, spec.context_dim, device=device)
    last = torch.tensor([float(TIMESTEPS - 1)], device=device)
    answered = unet(given.to(device), last, context).cpu()
    return Epsilon() if _share(given[:, : spec.out_channels], answered) > LEAST_SHARE else Velocity()


def _share(given: Tensor, answered: Tensor) -> float:
    """How much of what was given is in an answer: the slope of the regression of one on the other."""
    return float(torch.cov(torch.stack([given.flatten(), answered.flatten()]))[0, 1] / given.var())
