"""Reading tiny autoencoders, whose halves are published as a file each."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.filling import filled, shapes_of
from services.executor.diffusion.checkpoints.structure import Shapes, shape_of, under
from services.executor.diffusion.models.taesd import Taesd, TaesdDecoder, TaesdSpec

ENCODER_PREFIX, DECODER_PREFIX = "taesd_encoder.", "taesd_decoder."
_DECODER_START = "1.weight"  # the convolution that latents come to first


def is_taesd(shapes: Shapes) -> bool:
    """Whether weights are those of both halves."""
    return DECODER_PREFIX + _DECODER_START in shapes


def taesd_decoder(weights: Mapping[str, Tensor]) -> TaesdDecoder:
    """The half that makes pictures.

    Raises:
        CheckpointError: the weights are not those of one.
    """
    spec = _spec(shapes_of(weights))
    with torch.device("meta"):
        decoder = TaesdDecoder(spec)
    return filled(decoder, weights)


def taesd(weights: Mapping[str, Tensor]) -> Taesd:
    """Both halves, below `taesd_encoder.` and `taesd_decoder.`, with `vae_scale` and `vae_shift` where there are some.

    Raises:
        CheckpointError: the weights are not those of one.
    """
    spec = _spec(shapes_of(under(weights, DECODER_PREFIX)))
    with torch.device("meta"):
        made = Taesd(spec)
    neutral = {"vae_scale": torch.tensor(1.0), "vae_shift": torch.tensor(0.0)}
    return filled(made, neutral | dict(weights))


def joined(
    encoder: Mapping[str, Tensor], decoder: Mapping[str, Tensor], scale: float, shift: float
) -> dict[str, Tensor]:
    """The weights of two files as those of one autoencoder for a family's latents, see `Taesd`."""
    return {
        **{ENCODER_PREFIX + name: weight for name, weight in encoder.items()},
        **{DECODER_PREFIX + name: weight for name, weight in decoder.items()},
        "vae_scale": torch.tensor(scale),
        "vae_shift": torch.tensor(shift),
    }


def _spec(shapes: Shapes) -> TaesdSpec:
    try:
        channels, latent_channels = shape_of(shapes, _DECODER_START, 4)[:2]
    except CheckpointError as error:
        raise CheckpointError(f"this is no tiny autoencoder: {error.message}") from error
    return TaesdSpec(latent_channels, channels)
