"""An autoencoder between pictures as nodes pass them on and latents."""

from __future__ import annotations

import torch
from torch import Tensor

from services.executor.diffusion.models.pixel_space import PixelSpace
from services.executor.diffusion.models.taesd import Taesd
from services.executor.diffusion.models.vae import Vae

Network = Vae | Taesd | PixelSpace


class Autoencoder:
    """A loaded VAE. Pictures are (batch, height, width, 3) float32 in 0..1 on the CPU.

    Attributes:
        vae: the network, its weights in the dtype of the file.
    """

    def __init__(self, vae: Network) -> None:
        self.vae = vae

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.vae.parameters()).device

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> Tensor:
        """Pictures (batch, height*8, width*8, 3) of latents (batch, 4, height, width)."""
        pictures = [to_unit_range(self.decoded(latent[None])) for latent in latents]
        return torch.cat(pictures).movedim(1, -1).contiguous()

    @torch.inference_mode()
    def decoded(self, latents: Tensor) -> Tensor:
        """Pixels (batch, 3, height*8, width*8), about -1..1, float32 on the CPU, of latents."""
        return self.vae.decode(latents.to(self.device, torch.float32)).float().cpu()

    @torch.inference_mode()
    def encode(self, pictures: Tensor) -> Tensor:
        """Latents (batch, 4, height/8, width/8), float32 on the CPU, of pictures (batch, height, width, 3).

        What is over a multiple of 8 pixels is cut off, half of it on either side.
        """
        pixels = self.cropped(pictures).movedim(-1, 1) * 2 - 1
        latents = [self.vae.encode(picture[None].to(self.device, torch.float32)).float().cpu() for picture in pixels]
        return torch.cat(latents)

    def cropped(self, pictures: Tensor) -> Tensor:
        """Pictures without what is over a whole number of cells, half of it on either side.

        Raises:
            ValueError: they are smaller than a cell.
        """
        cell = self.vae.spec.downscale
        for dimension in (1, 2):
            kept = pictures.shape[dimension] // cell * cell
            if kept == 0:
                raise ValueError(f"pictures of {pictures.shape[2]}x{pictures.shape[1]} pixels have no latent")
            pictures = pictures.narrow(dimension, (pictures.shape[dimension] - kept) // 2, kept)
        return pictures


def to_unit_range(pixels: Tensor) -> Tensor:
    """Pixels of about -1..1 as those of a picture, in 0..1."""
    return ((pixels + 1) / 2).clamp(0, 1)
