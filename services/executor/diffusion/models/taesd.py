"""The tiny autoencoder: a few convolutions that stand in for a family's autoencoder where speed counts most.

Structure and parameter names are those of Bohan's published weights (2023), github.com/madebyollin/taesd.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.models.layers import Conv2d

CLAMP = 3.0  # latents are softly kept within plus and minus this many deviations
LEVELS = 3  # halvings of the picture's side
BLOCKS = 3  # of a level


@dataclass(frozen=True)
class TaesdSpec:
    """The sizes of a tiny autoencoder."""

    latent_channels: int = 4
    channels: int = 64
    image_channels: int = 3

    @property
    def downscale(self) -> int:
        """Pixels of the image along one side of a latent pixel."""
        return int(2**LEVELS)


class TaesdEncoder(nn.Sequential):
    """Pixels (batch, 3, height, width) in 0..1 to latents of about unit variance."""

    def __init__(self, spec: TaesdSpec) -> None:
        width = spec.channels
        levels = [
            layer
            for _ in range(LEVELS)
            for layer in (
                Conv2d(width, width, 3, padding=1, stride=2, bias=False),
                *(_Block(width) for _ in range(BLOCKS)),
            )
        ]
        super().__init__(
            Conv2d(spec.image_channels, width, 3, padding=1),
            _Block(width),
            *levels,
            Conv2d(width, spec.latent_channels, 3, padding=1),
        )


class TaesdDecoder(nn.Sequential):
    """Latents of about unit variance to pixels (batch, 3, height*8, width*8), about 0..1 and not clamped."""

    def __init__(self, spec: TaesdSpec) -> None:
        width = spec.channels
        levels = [
            layer
            for _ in range(LEVELS)
            for layer in (
                *(_Block(width) for _ in range(BLOCKS)),
                nn.Upsample(scale_factor=2),
                Conv2d(width, width, 3, padding=1, bias=False),
            )
        ]
        super().__init__(
            _Clamp(),
            Conv2d(spec.latent_channels, width, 3, padding=1),
            nn.ReLU(),
            *levels,
            _Block(width),
            Conv2d(width, spec.image_channels, 3, padding=1),
        )
        self.spec = spec


class Taesd(nn.Module):
    """Both halves, with the interface of the large autoencoder: pixels in -1..1, latents in its space.

    The halves work on latents scaled to unit variance: (latent - vae_shift) * vae_scale.
    """

    def __init__(self, spec: TaesdSpec) -> None:
        super().__init__()
        self.spec = spec
        self.taesd_encoder = TaesdEncoder(spec)
        self.taesd_decoder = TaesdDecoder(spec)
        self.vae_scale = nn.Parameter(torch.tensor(1.0))
        self.vae_shift = nn.Parameter(torch.tensor(0.0))

    def encode(self, pixels: Tensor) -> Tensor:
        """Latents (batch, latent_channels, height/8, width/8) of pixels (batch, 3, height, width) in -1..1."""
        latents: Tensor = self.taesd_encoder(pixels * 0.5 + 0.5)
        return latents / self.vae_scale + self.vae_shift

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels (batch, 3, height*8, width*8), about -1..1 and not clamped, of latents."""
        pixels: Tensor = self.taesd_decoder((latents - self.vae_shift) * self.vae_scale)
        return (pixels - 0.5) * 2


class _Clamp(nn.Module):
    def forward(self, latents: Tensor) -> Tensor:
        return torch.tanh(latents / CLAMP) * CLAMP


class _Block(nn.Module):
    """Three convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(self.conv(features) + features)
