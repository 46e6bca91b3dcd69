"""IMAGE tensors as Pillow's pictures."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor


def pillow_of(image: Tensor) -> Image.Image:
    """The picture of (height, width, channels), or of the first in a batch; values in 0..1."""
    picture = image[0] if image.ndim == 4 else image
    pixels = (picture.detach().float().clamp(0, 1) * 255).to(torch.uint8).cpu().numpy()
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
