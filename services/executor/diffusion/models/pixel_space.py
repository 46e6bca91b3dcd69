"""The autoencoder of models that work on pixels themselves: none."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

MARKER = "pixel_space_vae"
"""The only weight that such an autoencoder has; it says what it is."""


@dataclass(frozen=True)
class PixelSpaceSpec:
    """The sizes of a latent that is a picture."""

    channels: int = 3
    latent_channels: int = 3
    image_channels: int = 3
    downscale: int = 1


class PixelSpace(nn.Module):
    """Latents are pixels (batch, 3, height, width) in -1..1."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = PixelSpaceSpec()
        self.pixel_space_vae = nn.Parameter(torch.tensor(1.0), requires_grad=False)

    def encode(self, pixels: Tensor) -> Tensor:
        """The pixels."""
        return pixels

    def decode(self, latents: Tensor) -> Tensor:
        """The latents."""
        return latents
