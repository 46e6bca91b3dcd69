"""`comfy.sd`: checkpoints and parts of models, loaded and kept as the loaders' nodes do, and LoRA over them."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.checkpoints.checkpoint import checkpoint_of
from services.executor.diffusion.checkpoints.clip_vision import load_clip_vision_of
from services.executor.diffusion.checkpoints.configuration import CONFIGURATION_KEY
from services.executor.diffusion.checkpoints.parts import diffusion_model_of, text_encoders_of
from services.executor.diffusion.checkpoints.style_models import load_style_network
from services.executor.diffusion.checkpoints.weights_file import ModelFile
from services.executor.diffusion.checkpoints.writing import StoredWeight, write_weights
from services.executor.environment import environment
from services.executor.loaded_checkpoints import Models, as_model
from services.executor.patching.clip import CLIP as CLIP
from services.executor.patching.clip_vision import ClipVisionModel
from services.executor.patching.gligen import load_gligen as load_gligen
from services.executor.patching.lora import with_lora
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.stored import stored_checkpoint
from services.executor.patching.style_model import StyleModel as StyleModel
from services.executor.patching.vae import VAE as VAE


class CLIPType(enum.Enum):
    """Families of text encoders."""

    STABLE_DIFFUSION = 1
    STABLE_CASCADE = 2
    SD3 = 3
    STABLE_AUDIO = 4
    HUNYUAN_DIT = 5
    FLUX = 6
    MOCHI = 7
    LTXV = 8
    HUNYUAN_VIDEO = 9
    PIXART = 10
    COSMOS = 11
    LUMINA2 = 12
    WAN = 13
    HIDREAM = 14
    CHROMA = 15
    ACE = 16
    OMNIGEN2 = 17
    QWEN_IMAGE = 18
    HUNYUAN_IMAGE = 19


def load_checkpoint_guess_config(
    ckpt_path: Any,
    output_vae: bool = True,
    output_clip: bool = True,
    output_clipvision: bool = False,
    embedding_directory: Any = None,
    output_model: bool = True,
    model_options: Any = None,
    te_model_options: Any = None,
    **options: Any,
) -> tuple[Any, Any, Any, ClipVisionModel | None]:
    """The model, the text encoder, the autoencoder and the encoder of pictures of a checkpoint file.

    None stands for what is not there or not wanted.

    Raises:
        CheckpointError: it cannot be used.
    """
    path = Path(ckpt_path)
    checkpoint = environment().checkpoints.get(path)
    vision = load_clip_vision_of(path) if output_clipvision else None
    return *_wanted(checkpoint, output_model, output_clip, output_vae), ClipVisionModel(vision) if vision else None


def load_checkpoint(
    config_path: Any = None,
    ckpt_path: Any = None,
    output_vae: bool = True,
    output_clip: bool = True,
    embedding_directory: Any = None,
    state_dict: Mapping[str, Tensor] | None = None,
    config: Any = None,
) -> tuple[Any, Any, Any]:
    """The model, the text encoder and the autoencoder of a file or of weights, which say by themselves what they are.

    Raises:
        CheckpointError: they cannot be used.
    """
    if state_dict is None:
        return load_checkpoint_guess_config(ckpt_path, output_vae, output_clip)[:3]
    return load_state_dict_guess_config(state_dict, output_vae, output_clip)[:3]


def load_state_dict_guess_config(
    sd: Mapping[str, Tensor],
    output_vae: bool = True,
    output_clip: bool = True,
    output_clipvision: bool = False,
    embedding_directory: Any = None,
    output_model: bool = True,
    model_options: Any = None,
    te_model_options: Any = None,
    metadata: Mapping[str, str] | None = None,
) -> tuple[Any, Any, Any, ClipVisionModel | None]:
    """The same of the weights of a checkpoint.

    Raises:
        CheckpointError: they cannot be used.
    """
    known = environment().checkpoints.as_nodes_know_it(checkpoint_of(ModelFile.of(sd, metadata)))
    return *_wanted(known, output_model, output_clip, output_vae), None


def _wanted(models: Models, model: bool, clip: bool, vae: bool) -> tuple[Any, Any, Any]:
    return models.model if model else None, models.clip if clip else None, models.vae if vae else None


def load_diffusion_model(unet_path: Any, model_options: Mapping[str, Any] = {}) -> ModelPatcher:
    """The diffusion model in a file; the option `dtype` says what its weights are stored in.

    Raises:
        CheckpointError: it cannot be used.
    """
    return environment().checkpoints.model(Path(unet_path), model_options.get("dtype"))


def load_unet(unet_path: Any, dtype: torch.dtype | None = None) -> ModelPatcher:
    """The same by its older name."""
    return load_diffusion_model(unet_path, {"dtype": dtype})


def load_diffusion_model_state_dict(
    sd: Mapping[str, Tensor],
    model_options: Mapping[str, Any] = {},
    metadata: Mapping[str, str] | None = None,
) -> ModelPatcher | None:
    """The diffusion model with these weights, None where they are none that is known."""
    try:
        known = diffusion_model_of(ModelFile.of(sd, metadata), model_options.get("dtype"))
    except CheckpointError:
        return None
    return as_model(known)


def load_unet_state_dict(sd: Mapping[str, Tensor], dtype: torch.dtype | None = None) -> ModelPatcher | None:
    """The same by its older name."""
    return load_diffusion_model_state_dict(sd, {"dtype": dtype})


def load_clip(
    ckpt_paths: Sequence[Any],
    embedding_directory: Any = None,
    clip_type: CLIPType = CLIPType.STABLE_DIFFUSION,
    model_options: Mapping[str, Any] = {},
) -> CLIP:
    """The text encoders in files, which say by themselves whether they are of Stable Diffusion 1, 2 or XL.

    Raises:
        CheckpointError: they are of another family, or cannot be used.
    """
    return environment().checkpoints.clip([Path(path) for path in ckpt_paths])


def load_text_encoder_state_dicts(
    state_dicts: Sequence[Mapping[str, Tensor]] = (),
    embedding_directory: Any = None,
    clip_type: CLIPType = CLIPType.STABLE_DIFFUSION,
    model_options: Mapping[str, Any] = {},
) -> CLIP:
    """The same of weights.

    Raises:
        CheckpointError: they cannot be used.
    """
    known = text_encoders_of([ModelFile.of(weights) for weights in state_dicts])
    return environment().checkpoints.as_clip(known)


def load_lora_for_models(
    model: ModelPatcher | None,
    clip: CLIP | None,
    lora: Mapping[str, Tensor],
    strength_model: float,
    strength_clip: float,
) -> tuple[ModelPatcher | None, CLIP | None]:
    """Clones of a MODEL and a CLIP, either of which may be None, with the changes of what a LoRA file holds."""
    return with_lora(model, clip, lora, strength_model, strength_clip)


def load_style_model(ckpt_path: Any) -> StyleModel:
    """The style model in a file.

    Raises:
        CheckpointError: it is none.
    """
    return StyleModel(load_style_network(Path(ckpt_path)))


def save_checkpoint(
    output_path: Any,
    model: ModelPatcher,
    clip: CLIP | None = None,
    vae: VAE | None = None,
    clip_vision: Any = None,
    metadata: Mapping[str, str] | None = None,
    extra_keys: Mapping[str, Tensor] | None = None,
) -> None:
    """Write the models that there are to a file, with further tensors.

    Raises:
        ValueError: a network for pictures is to be saved with them.
    """
    if clip_vision is not None:
        raise ValueError("clip_vision: this platform saves no such network in a checkpoint")
    stored = stored_checkpoint(model, clip, vae)
    extra = {name: StoredWeight.of(tensor) for name, tensor in (extra_keys or {}).items()}
    told = {CONFIGURATION_KEY: json.dumps(stored.configuration)} if stored.configuration else {}
    write_weights(Path(output_path), stored.weights | extra, {**(metadata or {}), **told})
