"""Nodes that prepare pictures of which a part is to be made new."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional

from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.batches import flat_masks
from services.executor.nodes.checkpoint_parts import held_vae
from services.executor.nodes.conditioning_regions import CONDITIONING, with_options
from services.executor.nodes.declarations import whole
from services.executor.nodes.latent import Latent
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
        pixels, masks = _cropped(vae, pixels, mask)
        samples, masks = vae.encode(_greyed(pixels, masks)), masks.round()
        if grow_mask_by > 1:
            masks = window_maximum(masks, grow_mask_by, grow_mask_by)
        return ({"samples": samples, "noise_mask": masks},)


class InpaintModelConditioning:
    """Conditionings for models that were trained to paint into pictures, which see the pictures without what is masked.

    What other models are given is the latents of the whole pictures.
    """

    RETURN_TYPES = ("CONDITIONING", "CONDITIONING", "LATENT")
    RETURN_NAMES = ("positive", "negative", "latent")
    FUNCTION = "encode"
    CATEGORY = "conditioning/inpaint"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditionings, the autoencoder, the pictures, the masks, and whether nothing outside these changes."""
        return {
            "required": {
                "positive": CONDITIONING,
                "negative": CONDITIONING,
                "vae": ("VAE",),
                "pixels": ("IMAGE",),
                "mask": ("MASK",),
                "noise_mask": ("BOOLEAN", {"default": True}),
            }
        }

    def encode(
        self,
        positive: Conditioning,
        negative: Conditioning,
        pixels: Tensor,
        vae: Any,
        mask: Tensor,
        noise_mask: bool = True,
    ) -> tuple[Conditioning, Conditioning, Latent]:
        """Return both with mask and latents of pictures that are grey where it is above a half, and whole latents.

        Raises:
            ValueError: there is no autoencoder, or there are other numbers of pictures and masks.
        """
        pixels, masks = _cropped(vae, pixels, mask)
        latent: Latent = {"samples": vae.encode(pixels)}
        if noise_mask:
            latent["noise_mask"] = masks
        seen = {"concat_latent_image": vae.encode(_greyed(pixels, masks)), "concat_mask": masks}
        return with_options(positive, **seen), with_options(negative, **seen), latent


def _cropped(vae: Any, pixels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures and masks (batch, 1, height, width) of one size that is a whole number of cells."""
    held_vae(vae)
    masks = flat_masks(mask).unsqueeze(1).float()
    if len(masks) not in (1, len(pixels)):
        raise ValueError(f"mask: {len(masks)} masks do not go with {len(pixels)} pictures")
    masks = functional.interpolate(masks, size=pixels.shape[1:3], mode="bilinear")
    masks = vae.vae_encode_crop_pixels(masks.movedim(1, -1)).movedim(-1, 1)
    return vae.vae_encode_crop_pixels(pixels)[..., :3], masks


def _greyed(pixels: Tensor, masks: Tensor) -> Tensor:
    """Pictures that are grey where a mask is above a half."""
    return (pixels - GREY) * (1.0 - masks.round().movedim(1, -1)) + GREY


NODES: tuple[type, ...] = (VAEEncodeForInpaint, InpaintModelConditioning)
