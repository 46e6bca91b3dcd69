"""MODEL, CLIP and VAE as they stand in files: their weights, with the changes that nodes made, under LDM's names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor

from services.executor.diffusion.checkpoints.checkpoint import VAE_PREFIX
from services.executor.diffusion.checkpoints.describing import (
    clip_text_configuration,
    latent_configuration,
    sampling_configuration,
    unet_configuration,
    vae_configuration,
)
from services.executor.diffusion.checkpoints.filling import below, shapes_of
from services.executor.diffusion.checkpoints.network import UNET_PREFIX
from services.executor.diffusion.checkpoints.writing import StoredWeight
from services.executor.patching.clip import CLIP
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.vae import VAE
from services.executor.patching.weights import patched

UNET = "diffusion_model."
TRANSFORMER = "transformer."
TEXT_PREFIX = "cond_stage_model.transformer."


class StoredModel(NamedTuple):
    """A model ready to be written.

    Attributes:
        weights: by their names in the file, in the dtype that they were loaded in.
        configuration: what the file has to say of it besides, see `configuration.py`.
    """

    weights: dict[str, StoredWeight]
    configuration: dict[str, Any]

    def beside(self, other: StoredModel) -> StoredModel:
        """Both in one file."""
        return StoredModel(self.weights | other.weights, self.configuration | other.configuration)


def stored_model(model: ModelPatcher) -> StoredModel:
    """A diffusion model."""
    base = model.model
    network = base.network
    unet = unet_configuration(network.unet.spec, _shapes(model, UNET))
    told = {
        **({"unet": unet} if unet else {}),
        **sampling_configuration(model.model_sampling),
        **latent_configuration(network.latent_format, network.family.latent_format),
    }
    return StoredModel(_weights(model, UNET, UNET_PREFIX), told)


def stored_encoders(clip: CLIP) -> StoredModel:
    """The text encoder as part of a checkpoint."""
    (name,) = encoder_names(clip)
    return stored_encoder(clip, name, TEXT_PREFIX)


def encoder_names(clip: CLIP) -> list[str]:
    """The encoders that there are, "clip_l" the one of Stable Diffusion 1."""
    return sorted({key.partition(".")[0] for key in clip.patcher.model_state_dict()})


def stored_encoder(clip: CLIP, name: str, prefix: str = "") -> StoredModel:
    """One encoder, what its weights are called beginning with a prefix."""
    place = f"{name}.{TRANSFORMER}"
    network = getattr(clip.cond_stage_model, name).transformer
    told = clip_text_configuration(network.spec, _shapes(clip.patcher, place))
    return StoredModel(_weights(clip.patcher, place, prefix), {name: told} if told else {})


def stored_vae(vae: VAE, prefix: str = VAE_PREFIX) -> StoredModel:
    """An autoencoder."""
    told = vae_configuration(vae.first_stage_model.spec, _shapes(vae.patcher, ""))
    return StoredModel(_weights(vae.patcher, "", prefix), {"vae": told} if told else {})


def _weights(patcher: ModelPatcher, place: str, prefix: str) -> dict[str, StoredWeight]:
    return {
        prefix + key.removeprefix(place): _stored(patcher, key, weight)
        for key, weight in patcher.model_state_dict(place).items()
    }


def _stored(patcher: ModelPatcher, key: str, weight: Tensor) -> StoredWeight:
    patches = patcher.patches.get(key)
    if patches is None:
        return StoredWeight.of(weight)
    return StoredWeight(weight.dtype, tuple(weight.shape), partial(patched, weight, patches, key))


def _shapes(patcher: ModelPatcher, place: str) -> Mapping[str, tuple[int, ...]]:
    return shapes_of(below(patcher.model_state_dict(place), place))
