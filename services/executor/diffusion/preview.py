"""A rough picture of a latent, without the autoencoder."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from services.executor.diffusion.latent_format import LatentFormat

LARGEST_SIDE = 512  # pixels
GREY_FACTORS = ((0.3, 0.3, 0.3),)  # for families whose colours are not known


def latent_preview(latent: Tensor, latent_format: LatentFormat, largest_side: int = LARGEST_SIDE) -> Image.Image:
    """Return the first latent of a batch as an RGB picture, one pixel a cell.

    Waits for the device and copies three bytes a cell from it.

    Args:
        latent: (batch, channels, height, width) in the model's space, where samplers work.
        largest_side: in pixels; larger latents are scaled down.
    """
    cells = latent[0].float()
    factors = torch.tensor(latent_format.rgb_factors or GREY_FACTORS, device=cells.device)
    bias = torch.tensor(latent_format.rgb_bias, device=cells.device)
    rgb = torch.einsum("chw,cr->hwr", cells[: len(factors)], factors) + bias
    pixels = ((rgb + 1) * 127.5).nan_to_num(0.0).clamp(0, 255).to(torch.uint8)
    image = Image.fromarray(pixels.cpu().numpy())
    image.thumbnail((largest_side, largest_side), Image.Resampling.BILINEAR)
    return image
