"""The node that has a diffusion model enlarge pictures."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.conditioning_options import CONDITIONING
from services.executor.nodes.conditioning_regions import with_options
from services.executor.nodes.declarations import IMAGE, number
from services.executor.nodes.empty_latents import zeros
from services.executor.nodes.latent import Latent
from services.executor.nodes.scaling import scaled
from services.executor.nodes.schema_node import SchemaNode

CHANNELS = 4
CELL = 4  # pixels a side that one cell of the latent stands for


class SD_4XUpscale_Conditioning(SchemaNode):
    """Pictures for Stable Diffusion's upscaler, which looks at them in the size of its latents."""

    RETURN_TYPES = ("CONDITIONING", "CONDITIONING", "LATENT")
    RETURN_NAMES = ("positive", "negative", "latent")
    OUTPUT_TOOLTIPS = (None, None, None)
    FUNCTION = "execute"
    CATEGORY = "conditioning/upscale_diffusion"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_sdupscale"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, the conditionings, the factor, and how much noise the model is to expect in the pictures."""
        return {
            "required": {
                "images": IMAGE,
                "positive": CONDITIONING,
                "negative": CONDITIONING,
                "scale_ratio": number(4.0, 0.0, 10.0, 0.01),
                "noise_augmentation": number(0.0, 0.0, 1.0, 0.001),
            }
        }

    def execute(
        self,
        images: Tensor,
        positive: Conditioning,
        negative: Conditioning,
        scale_ratio: float,
        noise_augmentation: float,
    ) -> tuple[Conditioning, Conditioning, Latent]:
        """Return both with the pictures (batch, 3, height, width) in -1..1, and zeros (batch, 4, height, width) for the
        result: its size is that of the enlarged pictures, in cells.

        Raises:
            ValueError: nothing is left at this factor, or the result could not be held.
        """
        height, width = (round(side * scale_ratio) // CELL for side in images.shape[1:3])
        if not (height and width):
            raise ValueError(
                f"scale_ratio: at {scale_ratio:g} pictures of {tuple(images.shape[1:3])} have no cell left"
            )
        seen = scaled(images[..., :3], width, height, "bilinear", "center", "scale_ratio").movedim(-1, 1) * 2 - 1
        options = {"concat_image": seen, "noise_augmentation": noise_augmentation}
        latent = zeros("images, scale_ratio", len(images), CHANNELS, height, width)
        return with_options(positive, **options), with_options(negative, **options), {"samples": latent}


NODES: tuple[type, ...] = (SD_4XUpscale_Conditioning,)
