"""The diffusion network among a file's weights, with how it is sampled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.filling import below, filled, shapes_of
from services.executor.diffusion.checkpoints.sampling_settings import Told, latent_format, model_sampling
from services.executor.diffusion.checkpoints.unet_structure import unet_spec
from services.executor.diffusion.families import FAMILIES, Family, family_of
from services.executor.diffusion.families.concatenation import Concatenation, Editing, concatenation_of
from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.model_sampling import LogarithmicSampling, ModelSampling
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.models.unet_spec import UNetSpec

UNET_PREFIX = "model.diffusion_model."


def diffusion_network(
    weights: Mapping[str, Tensor],
    configuration: Mapping[str, Any],
    metadata: Mapping[str, str],
    prefix: str = UNET_PREFIX,
) -> LatentDiffusionModel:
    """The diffusion network whose weights are below a prefix.

    Args:
        weights: all of the file; some beside the network say how it was trained.
        configuration, metadata: what else the file says about it.

    Raises:
        CheckpointError: there is none, not all of it, or one of no family that is known.
    """
    own = below(weights, prefix)
    spec = unet_spec(shapes_of(own), configuration.get("unet", {}))
    family = _family(spec)
    with torch.device("meta"):
        unet = UNet(spec)
    told = Told(filled(unet, own, prefix), weights, configuration, metadata)
    sampling, latents = model_sampling(family, told), latent_format(family, told)
    return LatentDiffusionModel(told.unet, sampling, latents, family, _concatenation(spec, latents, sampling))


def _concatenation(spec: UNetSpec, latents: LatentFormat, sampling: ModelSampling) -> Concatenation | None:
    beside = spec.in_channels - latents.channels
    if beside == 0:
        return None
    made = concatenation_of(beside, latents.channels)
    if made is None:
        raise CheckpointError(f"its UNet takes {spec.in_channels} channels, which nothing known gives it")
    # The one published model that is sampled like this (CosXL Edit) wants the picture's latent in its own space.
    return Editing(scaled=True) if isinstance(made, Editing) and isinstance(sampling, LogarithmicSampling) else made


def _family(spec: UNetSpec) -> Family:
    family = family_of(spec)
    if family is None:
        known = ", ".join(family.name for family in FAMILIES)
        raise CheckpointError(f"its UNet is of no family that is known ({known})")
    return family
