"""Writes the trained parts as one checkpoint file in the layout of Stable Diffusion 1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor, nn

from services.executor.diffusion.checkpoints.autoencoders import VAE_PREFIX
from services.executor.diffusion.checkpoints.configuration import CONFIGURATION_KEY
from services.executor.diffusion.checkpoints.network import UNET_PREFIX
from services.executor.diffusion.models.clip_text import ClipText
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.models.vae import Vae
from tools.train_tiny import text, unet, vae
from tools.train_tiny.drawing import LATENT_MEAN, LATENT_STD

TEXT_PREFIX = "cond_stage_model.transformer."
DESCRIPTION = "Silverprint's tiny model: one shape of a colour at a place on a plain background; see docs/tiny-model.md"


def export(text_encoder: ClipText, denoiser: UNet, autoencoder: Vae, path: Path) -> None:
    """Write the checkpoint, its weights in fp16."""
    weights = _named(text_encoder, TEXT_PREFIX) | _named(denoiser, UNET_PREFIX) | _named(autoencoder, VAE_PREFIX)
    metadata = {
        "format": "pt",
        "modelspec.title": "silverprint-tiny",
        "modelspec.description": DESCRIPTION,
        "modelspec.license": "Apache-2.0",
        CONFIGURATION_KEY: json.dumps(configuration()),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path, metadata)


def configuration() -> dict[str, Any]:
    """What no weight shape shows."""
    factors = [[LATENT_STD[channel] * (colour == channel) for colour in range(3)] for channel in range(4)]
    return {
        "unet": {"num_heads": -1, "num_head_channels": unet.LADDER.head_channels, "group_width": unet.GROUP_WIDTH},
        "clip_l": {"num_attention_heads": text.SPEC.heads, "hidden_act": text.SPEC.activation},
        "vae": {"group_width": vae.SPEC.group_width},
        "latent_scale": vae.LATENT_SCALE,
        "latent_rgb": {"factors": factors, "bias": LATENT_MEAN[:3]},
        "prediction": "v",
        "zero_terminal_snr": True,
    }


def _named(module: nn.Module, prefix: str) -> dict[str, Tensor]:
    return {prefix + name: tensor.detach().half().contiguous() for name, tensor in module.state_dict().items()}
