"""What a checkpoint says of its models that no weight shape shows: what `configuration.py` reads, written."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.clip_structure import clip_text_spec
from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.sampling_settings import (
    LATENT_DEVIATION,
    LATENT_MEAN,
    VELOCITY_MARKER,
    VELOCITY_SIGMA_MAX,
    VELOCITY_SIGMA_MIN,
    ZERO_TERMINAL_SNR_MARKER,
)
from services.executor.diffusion.checkpoints.structure import Shapes
from services.executor.diffusion.checkpoints.unet_structure import unet_spec
from services.executor.diffusion.checkpoints.vae_structure import vae_spec
from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.model_sampling import LogarithmicSampling, ModelSampling, stable_diffusion_sampling
from services.executor.diffusion.models.clip_text import ClipTextSpec
from services.executor.diffusion.models.unet_spec import TransformerSpec, UNetSpec
from services.executor.diffusion.models.vae import VaeSpec
from services.executor.diffusion.prediction import Velocity


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


def clip_text_configuration(spec: ClipTextSpec, shapes: Shapes, activation: str) -> dict[str, Any]:
    """What `clip_text_spec` has to be told to find this structure; nothing where it follows the rules of CLIP.

    Args:
        activation: that encoders of its kind have.
    """
    try:
        found = clip_text_spec(shapes, {}, activation)
    except CheckpointError:
        found = None
    if found is not None and (found.heads, found.activation) == (spec.heads, spec.activation):
        return {}
    return {"num_attention_heads": spec.heads, "hidden_act": spec.activation}


def vae_configuration(spec: VaeSpec, shapes: Shapes) -> dict[str, Any]:
    """What `vae_spec` has to be told to find this structure; nothing where it follows the rules."""
    return {} if vae_spec(shapes, {}) == spec else {"group_width": spec.group_width}


def sampling_markers(sampling: ModelSampling, latents: LatentFormat, betas: tuple[float, float]) -> dict[str, Tensor]:
    """The weights of no network by which `model_sampling` finds these levels and this prediction.

    Args:
        betas: those of the family.
    """
    if isinstance(sampling, LogarithmicSampling):
        if latents.mean is not None and latents.deviation is not None:
            return {LATENT_MEAN: torch.tensor(latents.mean), LATENT_DEVIATION: torch.tensor(latents.deviation)}
        is_velocity = isinstance(sampling.prediction, Velocity)
        return {VELOCITY_SIGMA_MAX: sampling.sigma_max, VELOCITY_SIGMA_MIN: sampling.sigma_min} if is_velocity else {}
    markers = {}
    if isinstance(sampling.prediction, Velocity):
        markers[VELOCITY_MARKER] = torch.tensor([])
    first, last = betas
    terminal = stable_diffusion_sampling(zero_terminal_snr=True, beta_start=first, beta_end=last).sigmas
    if sampling.sigmas.shape == terminal.shape and torch.equal(sampling.sigmas.cpu(), terminal):
        markers[ZERO_TERMINAL_SNR_MARKER] = torch.tensor([])
    return markers


def latent_configuration(latents: LatentFormat, usual: LatentFormat) -> dict[str, Any]:
    """What `latent_format` has to be told to find this latent space; nothing where it is that of its family."""
    told: dict[str, Any] = {}
    if latents.scale_factor != usual.scale_factor:
        told["latent_scale"] = latents.scale_factor
    if latents.rgb_factors is not None and latents.rgb_factors != usual.rgb_factors:
        told["latent_rgb"] = {"factors": latents.rgb_factors, "bias": latents.rgb_bias}
    return told
