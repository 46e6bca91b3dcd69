"""MODEL, CLIP and VAE as they stand in files: their weights, with the changes that nodes made, under LDM's names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor

from services.executor.diffusion.checkpoints.autoencoders import VAE_PREFIX
from services.executor.diffusion.checkpoints.describing import (
    clip_text_configuration,
    latent_configuration,
    sampling_markers,
    unet_configuration,
    vae_configuration,
)
from services.executor.diffusion.checkpoints.filling import shapes_of
from services.executor.diffusion.checkpoints.network import NOISE_PREFIX, UNET_PREFIX
from services.executor.diffusion.checkpoints.openclip_layout import in_openclip
from services.executor.diffusion.checkpoints.structure import under
from services.executor.diffusion.checkpoints.writing import StoredWeight
from services.executor.diffusion.families.vectors import PictureVector, VectorCondition
from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.models.vae import Vae
from services.executor.patching.clip import CLIP
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.model_sampling import as_files_know_it
from services.executor.patching.vae import VAE
from services.executor.patching.weights import patched

UNET = "diffusion_model."
TRANSFORMER = "transformer."
CLIP_L = "clip_l"

#: By the encoders of a family, what the names of each begin with in a checkpoint, and whether the layout is OpenCLIP's.
PLACES: Mapping[tuple[str, ...], Mapping[str, tuple[str, bool]]] = {
    ("clip_l",): {"clip_l": ("cond_stage_model.transformer.", False)},
    ("clip_h",): {"clip_h": ("cond_stage_model.model.", True)},
    ("clip_g",): {"clip_g": ("conditioner.embedders.0.model.", True)},
    ("clip_g", "clip_l"): {
        "clip_l": ("conditioner.embedders.0.transformer.", False),
        "clip_g": ("conditioner.embedders.1.model.", True),
    },
}


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
    network = model.model.network
    unet = unet_configuration(network.unet.spec, _shapes(model, UNET))
    latents = latent_configuration(network.latent_format, network.family.latent_format)
    beside = {
        **sampling_markers(sampling_of(model), network.latent_format, network.family.betas),
        **_picture_statistics(network.vector_condition),
    }
    weights = _weights(model, UNET, UNET_PREFIX) | {name: StoredWeight.of(value) for name, value in beside.items()}
    return StoredModel(weights, ({"unet": unet} if unet else {}) | latents)


def _picture_statistics(vector: VectorCondition | None) -> dict[str, Tensor]:
    """What a network that is shown pictures has in its file to prepare them."""
    if not isinstance(vector, PictureVector) or vector.augmentation is None:
        return {}
    statistics = {"data_mean": vector.augmentation.mean, "data_std": vector.augmentation.std}
    return {NOISE_PREFIX + name: tensor for name, tensor in statistics.items()}


def stored_checkpoint(model: ModelPatcher, clip: CLIP | None = None, vae: VAE | None = None) -> StoredModel:
    """A diffusion model with what there is beside it.

    Raises:
        ValueError: no family of models has these text encoders together.
    """
    whole = stored_model(model)
    whole = whole if clip is None else whole.beside(stored_encoders(clip))
    return whole if vae is None else whole.beside(stored_vae(vae))


def sampling_of(model: ModelPatcher) -> ModelSampling:
    """What a diffusion model predicts at which levels, as nodes have changed it."""
    return as_files_know_it(model.get_model_object("model_sampling"))


def stored_encoders(clip: CLIP) -> StoredModel:
    """The text encoders as parts of a checkpoint.

    Raises:
        ValueError: no family of models has these together.
    """
    names = encoder_names(clip)
    if names not in PLACES:
        raise ValueError(f"clip: no checkpoint holds the text encoders {', '.join(names)} together")
    whole = StoredModel({}, {})
    for name, (prefix, is_openclip) in PLACES[names].items():
        weights, told = stored_encoder(clip, name)
        weights = in_openclip(weights) if is_openclip else weights
        whole = whole.beside(StoredModel({prefix + key: weight for key, weight in weights.items()}, told))
    return whole


def encoder_names(clip: CLIP) -> tuple[str, ...]:
    """The encoders that there are, such as "clip_l"."""
    return tuple(sorted({key.partition(".")[0] for key in clip.patcher.model_state_dict()}))


def stored_encoder(clip: CLIP, name: str) -> StoredModel:
    """One encoder, in the layout of Hugging Face checkpoints."""
    place = f"{name}.{TRANSFORMER}"
    network = getattr(clip.cond_stage_model, name).transformer
    activation = "quick_gelu" if name == CLIP_L else "gelu"
    told = clip_text_configuration(network.spec, _shapes(clip.patcher, place), activation)
    return StoredModel(_weights(clip.patcher, place, ""), {name: told} if told else {})


def stored_vae(vae: VAE, prefix: str = VAE_PREFIX) -> StoredModel:
    """An autoencoder."""
    network = vae.first_stage_model
    told = vae_configuration(network.spec, _shapes(vae.patcher, "")) if isinstance(network, Vae) else {}
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
    return shapes_of(under(patcher.model_state_dict(place), place))
