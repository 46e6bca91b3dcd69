"""Numbers as Fourier features, which is how networks are told the timestep."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

TIMESTEP_MAX_PERIOD = 10000.0  # timesteps


def timestep_embedding(timesteps: Tensor, width: int) -> Tensor:
    """Cosines then sines of the timesteps (batch) at geometrically falling frequencies: (batch, width)."""
    half = width // 2
    exponents = torch.arange(half, dtype=torch.float32, device=timesteps.device) / half
    angles = timesteps[:, None].float() * torch.exp(-math.log(TIMESTEP_MAX_PERIOD) * exponents)[None]
    waves = torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1)
    return functional.pad(waves, (0, width % 2))
