"""Tiny autoencoders with small random weights, in the layout that they are published in."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from services.executor.diffusion.models.taesd import TaesdDecoder, TaesdEncoder, TaesdSpec

WIDTH = 8


def decoder_weights(latent_channels: int = 4) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return TaesdDecoder(TaesdSpec(latent_channels, WIDTH)).state_dict()


def encoder_weights(latent_channels: int = 4) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return TaesdEncoder(TaesdSpec(latent_channels, WIDTH)).state_dict()


def save_decoder(models: Path, name: str, latent_channels: int = 4) -> Path:
    """Put a decoder where previews look for it."""
    path = models / "vae_approx" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".pth":
        torch.save(decoder_weights(latent_channels), path)
    else:
        save_file(decoder_weights(latent_channels), path)
    return path
