"""The node that encodes pictures of which a part is to be made new."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional

from services.executor.nodes.batches import flat_masks
from services.executor.nodes.declarations import whole
from services.executor.nodes.latent import Latent, require_vae
from services.executor.nodes.windows import window_maximum

GREY = 0.5


class VAEEncodeForInpaint:
    """Latents of pictures without what is masked."""

    DISPLAY_NAME = "VAE Encode (for Inpainting)"
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "encode"
    CATEGORY = "latent/inpaint"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, the autoencoder, the masks, and by how many pixels what is sampled is wider than these."""
        return {
            "required": {
                "pixels": ("IMAGE",),
                "vae": ("VAE",),
                "mask": ("MASK",),
                "grow_mask_by": whole(6, 0, 64),
            }
        }

    def encode(self, vae: Any, pixels: Tensor, mask: Tensor, grow_mask_by: int = 6) -> tuple[Latent]:
        """Return the latents of pictures that are grey where the mask is above a half, with the mask.

        Raises:
            ValueError: there is no autoencoder, or there are other numbers of pictures and masks.
        """
        require_vae(vae)
        masks = flat_masks(mask).unsqueeze(1).float()
        if len(masks) not in (1, len(pixels)):
            raise ValueError(f"mask: {len(masks)} masks do not go with {len(pixels)} pictures")
        masks = functional.interpolate(masks, size=pixels.shape[1:3], mode="bilinear")
        masks = vae.vae_encode_crop_pixels(masks.movedim(1, -1)).movedim(-1, 1).round()
        kept = 1.0 - masks.movedim(1, -1)
        pixels = (vae.vae_encode_crop_pixels(pixels)[..., :3] - GREY) * kept + GREY
        if grow_mask_by > 1:
            masks = window_maximum(masks, grow_mask_by, grow_mask_by)
        return ({"samples": vae.encode(pixels), "noise_mask": masks},)


NODES: tuple[type, ...] = (VAEEncodeForInpaint,)
