"""The latent space of a model family: its channels, its scale, and roughly what it looks like."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

RgbFactors = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class LatentFormat:
    """How latents of a family relate to what its network sees and to colours.

    Attributes:
        name: of the family that made it, empty when it is nobody's.
        channels: of a latent.
        scale_factor: multiplies encoded pictures to unit variance before sampling.
        mean, deviation: of each channel of the autoencoder's latents, where they were measured one by one.
        rgb_factors: for each channel what it adds to red, green and blue in -1..1, None when not known.
        rgb_bias: the colour of a latent of zeros in -1..1.
        taesd_decoder: the name, without extension, of the file with the family's tiny decoder, None when there is none.
    """

    name: str = ""
    channels: int = 4
    scale_factor: float = 1.0
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    rgb_factors: RgbFactors | None = None
    rgb_bias: tuple[float, float, float] = (0.0, 0.0, 0.0)
    taesd_decoder: str | None = None

    def to_model(self, latent: Tensor) -> Tensor:
        """Scale a latent of the autoencoder to the network's space."""
        if self.mean and self.deviation:
            latent = (latent - _beside(self.mean, latent)) / _beside(self.deviation, latent)
        return latent * self.scale_factor


def _beside(numbers: tuple[float, ...], latent: Tensor) -> Tensor:
    """One number for each channel of a latent (batch, channels, height, width)."""
    return latent.new_tensor(numbers).view(1, -1, 1, 1)


# Fitted by Keturn (2022) in "Decoding latents to RGB without upscaling", discuss.huggingface.co topic 23204.
SD1_LATENTS = LatentFormat(
    name="Stable Diffusion 1",
    scale_factor=0.18215,
    rgb_factors=((0.298, 0.207, 0.208), (0.187, 0.286, 0.173), (-0.158, 0.189, 0.264), (-0.184, -0.271, -0.473)),
    taesd_decoder="taesd_decoder",
)

X4_LATENTS = LatentFormat(name="Stable Diffusion 2 upscaler", scale_factor=0.08333)

# Fitted by Vass (2024) in "Explaining the SDXL latent space", on 0..255: 60 there is 60 * 2 / 255 here.
SDXL_LATENTS = LatentFormat(
    name="Stable Diffusion XL",
    scale_factor=0.13025,
    rgb_factors=(
        (0.4706, 0.4706, 0.4706),
        (-0.4706, -0.0392, 0.0784),
        (0.1961, 0.1176, -0.0392),
        (-0.5490, -0.3922, -0.2745),
    ),
    rgb_bias=(0.1765, 0.0980, 0.0196),
    taesd_decoder="taesdxl_decoder",
)
