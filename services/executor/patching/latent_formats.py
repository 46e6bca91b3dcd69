"""The latent spaces of model families, by the names that node packs know them under.

The numbers are those that the families were published with: channels, and the scale and shift to unit variance.
"""

from __future__ import annotations

from torch import Tensor

from services.executor.diffusion import latent_format as known
from services.executor.diffusion.latent_format import RgbFactors


class LatentFormat:
    """A latent space; families differ in their class attributes."""

    scale_factor: float = 1.0
    shift_factor: float = 0.0
    latent_channels: int = 4
    latent_dimensions: int = 2
    latent_rgb_factors: RgbFactors | None = None
    latent_rgb_factors_bias: tuple[float, float, float] | None = None
    taesd_decoder_name: str | None = None

    def process_in(self, latent: Tensor) -> Tensor:
        """Scale a latent of the autoencoder to the network's space."""
        return (latent - self.shift_factor) * self.scale_factor if self.shift_factor else latent * self.scale_factor

    def process_out(self, latent: Tensor) -> Tensor:
        """Scale a latent of the network's space back to the autoencoder's."""
        latent = latent / self.scale_factor
        return latent + self.shift_factor if self.shift_factor else latent


class SD15(LatentFormat):
    """Stable Diffusion 1 and 2."""

    latent_rgb_factors = known.SD1_LATENTS.rgb_factors
    taesd_decoder_name = known.SD1_LATENTS.taesd_decoder

    def __init__(self, scale_factor: float = known.SD1_LATENTS.scale_factor) -> None:
        self.scale_factor = scale_factor


class SDXL(LatentFormat):
    """Stable Diffusion XL."""

    scale_factor = known.SDXL_LATENTS.scale_factor
    latent_rgb_factors = known.SDXL_LATENTS.rgb_factors
    latent_rgb_factors_bias = known.SDXL_LATENTS.rgb_bias
    taesd_decoder_name = known.SDXL_LATENTS.taesd_decoder


class SDXL_Playground_2_5(SDXL):
    """Playground 2.5, whose latents have a mean and a deviation for each channel."""

    scale_factor = 0.5
    latents_mean: tuple[float, ...] = (-1.6574, 1.886, -1.383, 2.5155)
    latents_std: tuple[float, ...] = (8.4927, 5.9022, 6.5498, 5.2299)

    def process_in(self, latent: Tensor) -> Tensor:
        """Scale a latent of the autoencoder to the network's space."""
        mean, deviation = self._statistics(latent)
        return (latent - mean) * self.scale_factor / deviation

    def process_out(self, latent: Tensor) -> Tensor:
        """Scale a latent of the network's space back to the autoencoder's."""
        mean, deviation = self._statistics(latent)
        return latent * deviation / self.scale_factor + mean

    def _statistics(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        mean, deviation = latent.new_tensor(self.latents_mean), latent.new_tensor(self.latents_std)
        return mean.view(1, -1, 1, 1), deviation.view(1, -1, 1, 1)


class SD_X4(LatentFormat):
    """The upscaler of Stable Diffusion 2."""

    scale_factor = known.X4_LATENTS.scale_factor


class SD3(LatentFormat):
    """Stable Diffusion 3."""

    latent_channels = 16
    scale_factor = 1.5305
    shift_factor = 0.0609
    taesd_decoder_name = "taesd3_decoder"


class Flux(LatentFormat):
    """Flux.1."""

    latent_channels = 16
    scale_factor = 0.3611
    shift_factor = 0.1159
    taesd_decoder_name = "taef1_decoder"


class SC_Prior(LatentFormat):
    """The prior of Stable Cascade."""

    latent_channels = 16


class SC_B(LatentFormat):
    """The decoder of Stable Cascade."""

    scale_factor = 1.0 / 0.43


_CLASSES: dict[str, type[LatentFormat]] = {
    known.SD1_LATENTS.name: SD15,
    known.SDXL_LATENTS.name: SDXL,
    known.X4_LATENTS.name: SD_X4,
}


def as_nodes_know_it(own: known.LatentFormat) -> LatentFormat:
    """A model's own latent space in the classes above."""
    made = _CLASSES.get(own.name, LatentFormat)()
    if own.mean and own.deviation:
        made = SDXL_Playground_2_5()
        made.latents_mean, made.latents_std = own.mean, own.deviation
    made.scale_factor = own.scale_factor
    made.latent_channels = own.channels
    made.latent_rgb_factors = own.rgb_factors
    made.latent_rgb_factors_bias = own.rgb_bias
    made.taesd_decoder_name = own.taesd_decoder
    return made


def as_previews_know_it(given: LatentFormat) -> known.LatentFormat:
    """What previews have to know of a latent space."""
    return known.LatentFormat(
        channels=given.latent_channels,
        scale_factor=given.scale_factor,
        rgb_factors=given.latent_rgb_factors,
        rgb_bias=given.latent_rgb_factors_bias or (0.0, 0.0, 0.0),
        taesd_decoder=given.taesd_decoder_name,
    )
