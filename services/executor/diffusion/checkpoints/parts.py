"""Loading the parts of a model that stand in files of their own, or one of those in a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from services.executor.diffusion.checkpoints import diffusers_unet
from services.executor.diffusion.checkpoints.autoencoders import autoencoder, autoencoder_prefix
from services.executor.diffusion.checkpoints.errors import CheckpointError, told_of
from services.executor.diffusion.checkpoints.filling import shapes_of
from services.executor.diffusion.checkpoints.foreign import looks_like
from services.executor.diffusion.checkpoints.network import UNET_PREFIX, diffusion_network
from services.executor.diffusion.checkpoints.text_encoders import EncoderPart, encoder_parts, text_encoders
from services.executor.diffusion.checkpoints.weights_file import ModelFile, read_model_file
from services.executor.diffusion.models.autoencoder import Autoencoder
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from services.executor.diffusion.text_encoding import TextEncoders

_UNET_PREFIXES = (UNET_PREFIX, "diffusion_model.", "")
_UNET_MARK = "input_blocks.0.0.weight"


def load_diffusion_model(path: Path, dtype: torch.dtype | None = None) -> LatentDiffusionModel:
    """The diffusion network in a file, its weights in a dtype, or in that of the file.

    Raises:
        CheckpointError: the file is damaged, or holds none that is known.
    """
    file = read_model_file(path, "a diffusion model")
    with told_of(path.name):
        return diffusion_model_of(file, dtype)


def diffusion_model_of(file: ModelFile, dtype: torch.dtype | None = None) -> LatentDiffusionModel:
    """The diffusion network in what was read, in the layout of LDM or of diffusers.

    Raises:
        CheckpointError: there is none that is known.
    """
    weights = file.weights
    if diffusers_unet.MARK in weights:
        weights = diffusers_unet.in_ldm_layout(weights)
    prefix = next((prefix for prefix in _UNET_PREFIXES if prefix + _UNET_MARK in weights), None)
    if prefix is None:
        raise CheckpointError(f"it holds no diffusion model that is known; {looks_like(shapes_of(file.weights))}")
    made = diffusion_network(weights, file.configuration, file.metadata, prefix)
    if dtype is not None:
        made.unet.to(dtype)
    return made


def load_text_encoders(paths: Sequence[Path]) -> TextEncoders:
    """The text encoders in one file, or in two.

    Raises:
        CheckpointError: a file is damaged or holds none, or they are of no known family.
    """
    files = [read_model_file(path, "a text encoder") for path in paths]
    with told_of(" and ".join(path.name for path in paths)):
        return text_encoders_of(files)


def text_encoders_of(files: Sequence[ModelFile]) -> TextEncoders:
    """The text encoders in what was read.

    Raises:
        CheckpointError: there is none in one of them, or they are of no known family.
    """
    parts: list[EncoderPart] = []
    for file in files:
        found = encoder_parts(file.weights, file.configuration)
        if not found:
            raise CheckpointError(f"it holds no text encoder of CLIP; {looks_like(shapes_of(file.weights))}")
        parts += found
    return text_encoders(parts)


def load_autoencoder(path: Path) -> Autoencoder:
    """The autoencoder in a file.

    Raises:
        CheckpointError: the file is damaged, or holds none that is known.
    """
    file = read_model_file(path, "an autoencoder")
    with told_of(path.name):
        return autoencoder_of(file)


def autoencoder_of(file: ModelFile) -> Autoencoder:
    """The autoencoder in what was read.

    Raises:
        CheckpointError: there is none that is known.
    """
    prefix = autoencoder_prefix(shapes_of(file.weights))
    return autoencoder(file.weights, file.configuration, prefix or "")
