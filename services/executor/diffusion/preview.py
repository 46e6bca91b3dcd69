"""Rough pictures of latents, without the family's autoencoder."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.models.taesd import TaesdDecoder

GREY_FACTORS = ((0.3, 0.3, 0.3),)  # for families whose colours are not known


def latent_preview(latent: Tensor, latent_format: LatentFormat) -> Image.Image:
    """Return the first latent of a batch as an RGB picture, one pixel a cell; of a video its first picture.

    Waits for the device and copies three bytes a cell from it.

    Args:
        latent: (batch, channels, ..., height, width) in the model's space, where samplers work.
    """
    cells = first_of(latent)[0]
    factors = torch.tensor(latent_format.rgb_factors or GREY_FACTORS, dtype=cells.dtype, device=cells.device)
    bias = torch.tensor(latent_format.rgb_bias, dtype=cells.dtype, device=cells.device)
    shown = min(len(cells), len(factors))
    return picture_of((torch.einsum("chw,cr->hwr", cells[:shown], factors[:shown]) + bias + 1) / 2)


def decoded_preview(latent: Tensor, decoder: TaesdDecoder) -> Image.Image:
    """Return the first latent of a batch, or of a video, as an RGB picture by a tiny autoencoder on its device."""
    return picture_of(decoder(first_of(latent))[0].movedim(0, -1))


def first_of(latent: Tensor) -> Tensor:
    """Return the first picture of the first latent: (1, channels, height, width), float32."""
    first = latent[:1].float()
    while first.dim() > 4:
        first = first.select(2, 0)
    return first


def picture_of(rgb: Tensor) -> Image.Image:
    """A picture of colours (height, width, 3) in 0..1."""
    return Image.fromarray((rgb * 255).nan_to_num(0.0).clamp(0, 255).to(torch.uint8).cpu().numpy())
