"""Loading everything a checkpoint file holds, memory-mapped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.autoencoders import VAE_PREFIX, autoencoder
from services.executor.diffusion.checkpoints.errors import CheckpointError, told_of
from services.executor.diffusion.checkpoints.filling import shapes_of
from services.executor.diffusion.checkpoints.foreign import looks_like
from services.executor.diffusion.checkpoints.network import UNET_PREFIX, diffusion_network
from services.executor.diffusion.checkpoints.text_encoders import CONDITIONERS, encoder_parts, text_encoders
from services.executor.diffusion.checkpoints.weights_file import ModelFile, read_model_file
from services.executor.diffusion.families.concatenation import Inpainting
from services.executor.diffusion.models.autoencoder import Autoencoder
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from services.executor.diffusion.text_encoding import TextEncoders

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
        CheckpointError: the file is damaged, holds more than weights, or holds none of the models this product knows.
    """
    file = read_model_file(path, "a checkpoint")
    with told_of(path.name):
        return checkpoint_of(file)


def checkpoint_of(file: ModelFile) -> Checkpoint:
    """The models in what was read.

    Raises:
        CheckpointError: there is none that is known.
    """
    weights, configuration = file.weights, file.configuration
    encoders = encoder_parts(weights, configuration, CONDITIONERS)
    has_unet = f"{UNET_PREFIX}input_blocks.0.0.weight" in weights
    has_vae = f"{VAE_PREFIX}decoder.conv_in.weight" in weights
    has_other = not has_unet and any(name.startswith(UNET_PREFIX) for name in weights)
    if has_other or not (has_unet or has_vae or encoders):
        raise CheckpointError(f"it holds no known model; {looks_like(shapes_of(weights))}")
    checkpoint = Checkpoint(
        model=diffusion_network(weights, configuration, file.metadata) if has_unet else None,
        clip=text_encoders(encoders) if encoders else None,
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
