"""Nodes between pictures and latents."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.checkpoint_parts import held_vae
from services.executor.nodes.limits import check_size

#: What flows between nodes as LATENT: `samples` (batch, channels, height, width) and options such as `noise_mask`.
Latent = dict[str, Any]

CELL = 8  # pixels a side that one cell of a latent stands for
LONGEST_SIDE = 16384  # pixels


class EmptyLatentImage:
    """Latents of zeros, to begin sampling from."""

    RETURN_TYPES = ("LATENT",)
    OUTPUT_TOOLTIPS = ("An empty latent for a sampler to fill.",)
    FUNCTION = "generate"
    CATEGORY = "latent"
    DESCRIPTION = "Makes empty latents in which a sampler can create pictures of the given size."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Size of the pictures in pixels, and their number."""

        def side(tooltip: str) -> tuple[str, dict[str, Any]]:
            return "INT", {"default": 512, "min": 16, "max": LONGEST_SIDE, "step": CELL, "tooltip": tooltip}

        return {
            "required": {
                "width": side("Width of the pictures in pixels."),
                "height": side("Height of the pictures in pixels."),
                "batch_size": ("INT", {"default": 1, "min": 1, "max": 4096, "tooltip": "How many pictures to make."}),
            }
        }

    def generate(self, width: int, height: int, batch_size: int = 1) -> tuple[Latent]:
        """Return zeros (batch, 4, height / 8, width / 8).

        Raises:
            ValueError: they could not be held.
        """
        shape = (batch_size, 4, height // CELL, width // CELL)
        check_size("width, height, batch_size", *shape)
        return ({"samples": torch.zeros(shape)},)


class VAEDecode:
    """Latents turned into pictures."""

    RETURN_TYPES = ("IMAGE",)
    OUTPUT_TOOLTIPS = ("The decoded pictures.",)
    FUNCTION = "decode"
    CATEGORY = "latent"
    DESCRIPTION = "Turns latents into pictures."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latents and the autoencoder that made them."""
        return {
            "required": {
                "samples": ("LATENT", {"tooltip": "The latents to decode."}),
                "vae": ("VAE", {"tooltip": "The autoencoder that belongs to the model."}),
            }
        }

    def decode(self, vae: Any, samples: Latent) -> tuple[Tensor]:
        """Return pictures (batch, height, width, 3) in 0..1.

        Raises:
            ValueError: there is no autoencoder.
        """
        held_vae(vae)
        return (vae.decode(samples["samples"]),)


class VAEEncode:
    """Pictures turned into latents."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "encode"
    CATEGORY = "latent"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures and the autoencoder."""
        return {"required": {"pixels": ("IMAGE",), "vae": ("VAE",)}}

    def encode(self, vae: Any, pixels: Tensor) -> tuple[Latent]:
        """Return the pictures' latents; what is over a multiple of 8 pixels is cut off on both sides.

        Raises:
            ValueError: there is no autoencoder, or a picture is too small to have a latent.
        """
        held_vae(vae)
        return ({"samples": vae.encode(pixels)},)
