"""What the networks of a family predict where their file does not say it."""

from __future__ import annotations

import torch
from torch import Tensor

from services.executor.diffusion.model_sampling import TIMESTEPS
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.prediction import Epsilon, Prediction, Velocity

PROBE_CELLS = 16
LEAST_LIKENESS = 0.5


def noise(unet: UNet) -> Prediction:
    """The noise, whatever the network."""
    return Epsilon()


def velocity(unet: UNet) -> Prediction:
    """The velocity, whatever the network."""
    return Velocity()


@torch.inference_mode()
def noise_or_velocity(unet: UNet) -> Prediction:
    """What a network answers to pure noise at the last timestep.

    There a network that predicts noise returns what it is given. The velocity is the other way round: almost nothing
    of it is noise there, it is the clean latent with its sign changed (Salimans and Ho, 2022, appendix D).
    """
    spec = unet.spec
    generator = torch.Generator().manual_seed(0)
    given = torch.randn(1, spec.in_channels, PROBE_CELLS, PROBE_CELLS, generator=generator)
    given[:, spec.out_channels :] = 0  # nothing beside the latent
    device = next(unet.parameters()).device
    context = torch.zeros(1, 1, spec.context_dim, device=device)
    last = torch.tensor([float(TIMESTEPS - 1)], device=device)
    answered = unet(given.to(device), last, context).cpu()
    return Epsilon() if _likeness(answered, given[:, : spec.out_channels]) > LEAST_LIKENESS else Velocity()


def _likeness(one: Tensor, other: Tensor) -> float:
    """The correlation of two tensors, in -1..1."""
    return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])
