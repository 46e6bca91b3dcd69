"""The node that adds noise to pictures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.declarations import number

LARGEST_SEED = 2**64 - 1


class ImageAddNoise:
    """Pictures with Gaussian noise."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "add_noise"
    CATEGORY = "image"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, the seed and the noise's standard deviation."""
        seed = {"default": 0, "min": 0, "max": LARGEST_SEED, "control_after_generate": True}
        return {"required": {"image": ("IMAGE",), "seed": ("INT", seed), "strength": number(0.5, 0.0, 1.0, 0.01)}}

    def add_noise(self, image: Tensor, seed: int, strength: float) -> tuple[Tensor]:
        """Return the pictures with noise, in 0..1; the noise is drawn on the CPU, so that any device gives the same."""
        noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed)).to(image)
        return (noise.mul_(strength).add_(image).clamp_(0, 1),)


NODES = (ImageAddNoise,)
