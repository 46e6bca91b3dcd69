"""What an autoencoder is given, checked: a shape that does not fit is named before it meets a convolution."""

from __future__ import annotations

from torch import Tensor


def check_latents(samples: Tensor, channels: int) -> None:
    """Refuse latents that are not (batch, channels, height, width).

    Raises:
        ValueError: they are not, or there are none.
    """
    if samples.dim() != 4:
        raise ValueError(f"samples: this VAE decodes pictures, whose latents have 4 dimensions and not {samples.dim()}")
    if samples.shape[1] != channels:
        raise ValueError(
            f"samples: this VAE decodes latents of {channels} channels, these have {samples.shape[1]}; "
            "are they of another family of models?"
        )
    if 0 in samples.shape:
        raise ValueError(f"samples: there is nothing to decode in a latent of the shape {list(samples.shape)}")


def check_pictures(pixels: Tensor, channels: int) -> None:
    """Refuse pictures that are not (batch, height, width, channels or more).

    Raises:
        ValueError: they are not, or there are none.
    """
    if pixels.dim() != 4:
        raise ValueError(f"pixels: this VAE encodes pictures, which have 4 dimensions and not {pixels.dim()}")
    if pixels.shape[-1] < channels:
        raise ValueError(f"pixels: this VAE encodes pictures of {channels} channels, these have {pixels.shape[-1]}")
    if 0 in pixels.shape:
        raise ValueError(f"pixels: there is nothing to encode in a picture of the shape {list(pixels.shape)}")
