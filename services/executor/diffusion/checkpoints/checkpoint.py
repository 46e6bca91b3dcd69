"""Loading everything a checkpoint file holds, memory-mapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from services.executor.diffusion.checkpoints.configuration import read_configuration
from services.executor.diffusion.checkpoints.errors import CheckpointError, told_of
from services.executor.diffusion.checkpoints.filling import below, filled, shapes_of
from services.executor.diffusion.checkpoints.foreign import looks_like
from services.executor.diffusion.checkpoints.header import read_header
from services.executor.diffusion.checkpoints.network import UNET_PREFIX, diffusion_network
from services.executor.diffusion.checkpoints.text_encoders import CONDITIONERS, text_encoder_prefixes, text_encoders
from services.executor.diffusion.checkpoints.vae_structure import vae_spec
from services.executor.diffusion.families.concatenation import Inpainting
from services.executor.diffusion.models.autoencoder import Autoencoder
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from services.executor.diffusion.models.vae import Vae
from services.executor.diffusion.text_encoding import TextEncoders

VAE_PREFIX = "first_stage_model."
GREY_SIDE = 128  # pixels


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a checkpoint file holds; None for the parts that it does not hold."""

    model: LatentDiffusionModel | None
    clip: TextEncoders | None
    vae: Autoencoder | None


def load_checkpoint(path: Path) -> Checkpoint:
    """The models in a Stable Diffusion checkpoint, their weights being pages of the file.

    Raises:
        CheckpointError: the file is no safetensors file, is damaged, or holds none of the models this product knows.
    """
    header = read_header(path)
    with told_of(path.name):
        configuration = read_configuration(header.metadata)
    text_prefixes = [prefix for prefix in text_encoder_prefixes(header.shapes) if prefix.startswith(CONDITIONERS)]
    has_unet = f"{UNET_PREFIX}input_blocks.0.0.weight" in header.shapes
    has_vae = f"{VAE_PREFIX}decoder.conv_in.weight" in header.shapes
    has_other = not has_unet and any(name.startswith(UNET_PREFIX) for name in header.shapes)
    if has_other or not (has_unet or has_vae or text_prefixes):
        raise CheckpointError(f"{path.name} holds no known model; {looks_like(header.shapes)}")
    weights = _mapped(path)
    with told_of(path.name):
        checkpoint = Checkpoint(
            model=diffusion_network(weights, configuration, header.metadata) if has_unet else None,
            clip=text_encoders(weights, text_prefixes, configuration) if text_prefixes else None,
            vae=autoencoder(weights, configuration, VAE_PREFIX) if has_vae else None,
        )
        if checkpoint.model and checkpoint.vae and isinstance(checkpoint.model.concatenation, Inpainting):
            checkpoint.model.grey = _grey(checkpoint.model, checkpoint.vae)
        return checkpoint


def _grey(model: LatentDiffusionModel, vae: Autoencoder) -> Tensor:
    """The latent (channels,), in the network's space, of a picture that is all grey, away from its edges."""
    latent = model.latent_format.to_model(vae.encode(torch.full((1, GREY_SIDE, GREY_SIDE, 3), 0.5)))
    middle = latent.shape[-1] // 2
    return latent[0, :, middle, middle]


def autoencoder(weights: Mapping[str, Tensor], configuration: Mapping[str, Any], prefix: str = "") -> Autoencoder:
    """The autoencoder whose weights are below a prefix.

    Raises:
        CheckpointError: there is none, or not all of it.
    """
    own = below(weights, prefix)
    spec = vae_spec(shapes_of(own), configuration.get("vae", {}))
    with torch.device("meta"):
        vae = Vae(spec)
    return Autoencoder(filled(vae, own, prefix))


def _mapped(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path.name} is not a safetensors file: {error}") from error
