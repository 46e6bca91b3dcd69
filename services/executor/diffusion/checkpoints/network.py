"""The diffusion network among a file's weights, with how it is sampled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.filling import filled, shapes_of
from services.executor.diffusion.checkpoints.foreign import refuse_lookalikes
from services.executor.diffusion.checkpoints.sampling_settings import Told, latent_format, model_sampling
from services.executor.diffusion.checkpoints.structure import under
from services.executor.diffusion.checkpoints.unet_structure import unet_spec
from services.executor.diffusion.families import FAMILIES, Family, family_of
from services.executor.diffusion.families.concatenation import Concatenation, Editing
from services.executor.diffusion.families.vectors import PictureVector
from services.executor.diffusion.model_sampling import LogarithmicSampling, ModelSampling
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.models.unet_spec import UNetSpec
from services.executor.diffusion.unclip import NoiseAugmentation

UNET_PREFIX = "model.diffusion_model."
NOISE_PREFIX = "noise_augmentor."
"""What prepares pictures in files of unCLIP models."""


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
    own = under(weights, prefix)
    refuse_lookalikes(shapes_of(weights))
    spec = unet_spec(shapes_of(own), configuration.get("unet", {}))
    family = _family(spec)
    with torch.device("meta"):
        unet = UNet(spec)
    told = Told(filled(unet, own, prefix), weights, configuration, metadata)
    sampling, latents = model_sampling(family, told), latent_format(family, told)
    model = LatentDiffusionModel(told.unet, sampling, latents, family, _concatenation(family, spec, sampling))
    if isinstance(family.vector, PictureVector):
        model.vector_condition = PictureVector(_noise_augmentation(under(weights, NOISE_PREFIX), spec))
    return model


def _noise_augmentation(weights: Mapping[str, Tensor], spec: UNetSpec) -> NoiseAugmentation | None:
    if "data_mean" not in weights:
        return None
    width, mean, std = (spec.adm_channels or 0) // 2, weights["data_mean"], weights["data_std"]
    for name, tensor in (("data_mean", mean), ("data_std", std)):
        if tensor.shape != (1, width):
            found = list(tensor.shape)
            raise CheckpointError(f"the weight {NOISE_PREFIX}{name} has the shape {found}, [1, {width}] was expected")
    return NoiseAugmentation(width, mean.float(), std.float())


def _concatenation(family: Family, spec: UNetSpec, sampling: ModelSampling) -> Concatenation | None:
    beside = spec.in_channels - family.latent_format.channels
    if beside == 0:
        return None
    made = family.concatenation_of(beside)
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
