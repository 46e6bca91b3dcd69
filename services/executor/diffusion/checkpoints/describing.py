"""What a checkpoint says of its models that no weight shape shows: what `configuration.py` reads, written."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from services.executor.diffusion.checkpoints.clip_structure import clip_text_spec
from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.sampling_settings import PREDICTIONS
from services.executor.diffusion.checkpoints.structure import Shapes
from services.executor.diffusion.checkpoints.unet_structure import unet_spec
from services.executor.diffusion.checkpoints.vae_structure import vae_spec
from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.model_sampling import ModelSampling, stable_diffusion_sampling
from services.executor.diffusion.models.clip_text import ClipTextSpec
from services.executor.diffusion.models.unet_spec import TransformerSpec, UNetSpec
from services.executor.diffusion.models.vae import VaeSpec


def unet_configuration(spec: UNetSpec, shapes: Shapes) -> dict[str, Any]:
    """What `unet_spec` has to be told to find this structure; nothing where it follows the rules of its family."""
    try:
        if unet_spec(shapes, {}) == spec:
            return {}
    except CheckpointError:
        pass  # its channels cannot be shared by as many heads as the rules say
    layers = itertools.chain(*spec.input_blocks, spec.middle_block, *spec.output_blocks)
    transformers = [layer for layer in layers if isinstance(layer, TransformerSpec)]
    heads = {layer.heads for layer in transformers}
    widths = {layer.channels // layer.heads for layer in transformers}
    told = {"num_heads": heads.pop()} if len(heads) == 1 else {"num_head_channels": widths.pop()}
    return told | {"group_width": spec.group_width}


def clip_text_configuration(spec: ClipTextSpec, shapes: Shapes) -> dict[str, Any]:
    """What `clip_text_spec` has to be told to find this structure; nothing where it follows the rules of CLIP."""
    try:
        if clip_text_spec(shapes, {}) == spec:
            return {}
    except CheckpointError:
        pass
    return {"num_attention_heads": spec.heads, "hidden_act": spec.activation}


def vae_configuration(spec: VaeSpec, shapes: Shapes) -> dict[str, Any]:
    """What `vae_spec` has to be told to find this structure; nothing where it follows the rules."""
    return {} if vae_spec(shapes, {}) == spec else {"group_width": spec.group_width}


def sampling_configuration(sampling: ModelSampling) -> dict[str, Any]:
    """What `model_sampling` has to be told to find these levels and this prediction; nothing where they are usual."""
    told: dict[str, Any] = {}
    name = next((name for name, kind in PREDICTIONS.items() if type(sampling.prediction) is kind), "eps")
    if name != "eps":
        told["prediction"] = name
    terminal = stable_diffusion_sampling(zero_terminal_snr=True).sigmas
    if sampling.sigmas.shape == terminal.shape and torch.equal(sampling.sigmas.cpu(), terminal):
        told["zero_terminal_snr"] = True
    return told


def latent_configuration(latents: LatentFormat, usual: LatentFormat) -> dict[str, Any]:
    """What `latent_format` has to be told to find this latent space; nothing where it is that of its family."""
    told: dict[str, Any] = {}
    if latents.scale_factor != usual.scale_factor:
        told["latent_scale"] = latents.scale_factor
    if latents.rgb_factors is not None and latents.rgb_factors != usual.rgb_factors:
        told["latent_rgb"] = {"factors": latents.rgb_factors, "bias": latents.rgb_bias}
    return told
