"""Pictures brought to another size."""

from __future__ import annotations

import numpy
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from services.executor.diffusion.cropping import cropped
from services.executor.nodes.limits import check_size

#: Ways to find the new pixels, by ComfyUI's names.
METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")
CROPS = ("disabled", "center")


def scaled(images: Tensor, width: int, height: int, method: str, crop: str, inputs: str = "width, height") -> Tensor:
    """Bring pictures (batch, height, width, channels) to a size.

    A width or height of 0 follows from the other by the pictures' proportions; with both 0 nothing is done. Crop
    "center" first cuts off what the new proportions leave over, the same on both sides. `inputs` names what asks for
    the size.

    Raises:
        ValueError: unknown method, or too large a result.
    """
    if method not in METHODS:
        raise ValueError(f"upscale_method: {method!r} is not one of {', '.join(METHODS)}")
    old_height, old_width = images.shape[1:3]
    if width == 0 and height == 0:
        return images
    width = width or max(1, round(old_width * height / old_height))
    height = height or max(1, round(old_height * width / old_width))
    check_size(inputs, len(images), height, width, images.shape[-1])
    if crop == "center":
        images = cropped(images.movedim(-1, 1), width / height).movedim(1, -1)
    if method == "lanczos":
        result = images.new_empty(len(images), height, width, images.shape[-1])
        for index, image in enumerate(images):
            result[index] = _lanczos(image, width, height)
        return result
    return functional.interpolate(images.movedim(-1, 1), size=(height, width), mode=method).movedim(1, -1)


def _lanczos(image: Tensor, width: int, height: int) -> Tensor:
    """Through Pillow, in 8 bits a channel, one channel at a time: Pillow has no pictures of any number of channels."""
    pixels = (image.cpu().clamp(0, 1) * 255).to(torch.uint8).numpy()
    channels = [
        numpy.asarray(Image.fromarray(pixels[..., channel]).resize((width, height), Image.Resampling.LANCZOS))
        for channel in range(pixels.shape[-1])
    ]
    return torch.from_numpy(numpy.stack(channels, axis=-1).astype(numpy.float32) / 255).to(image.device)
