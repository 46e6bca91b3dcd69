"""The node for models that change pictures as they are told to."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.checkpoint_parts import held_vae
from services.executor.nodes.conditioning_options import CONDITIONING
from services.executor.nodes.conditioning_regions import with_options
from services.executor.nodes.declarations import IMAGE
from services.executor.nodes.latent import Latent
from services.executor.nodes.schema_node import SchemaNode


class InstructPixToPixConditioning(SchemaNode):
    """Conditionings for models that see the picture which they change (Brooks et al., 2022, arXiv:2211.09800)."""

    RETURN_TYPES = ("CONDITIONING", "CONDITIONING", "LATENT")
    RETURN_NAMES = ("positive", "negative", "latent")
    OUTPUT_TOOLTIPS = (None, None, None)
    FUNCTION = "execute"
    CATEGORY = "conditioning/instructpix2pix"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_ip2p"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditionings, the autoencoder, and the pictures."""
        return {"required": {"positive": CONDITIONING, "negative": CONDITIONING, "vae": ("VAE", {}), "pixels": IMAGE}}

    def execute(
        self, positive: Conditioning, negative: Conditioning, pixels: Tensor, vae: Any
    ) -> tuple[Conditioning, Conditioning, Latent]:
        """Return both with the latents of the pictures, and latents of zeros as large.

        Raises:
            ValueError: there is no autoencoder.
        """
        held_vae(vae)
        seen = vae.encode(pixels[..., :3])
        given = {"concat_latent_image": seen}
        return with_options(positive, **given), with_options(negative, **given), {"samples": torch.zeros_like(seen)}


NODES: tuple[type, ...] = (InstructPixToPixConditioning,)
