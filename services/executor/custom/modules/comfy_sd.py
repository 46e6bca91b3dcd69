"""`comfy.sd`: checkpoints, loaded and kept as the loader node does, LoRA over them, and style models."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from services.executor.diffusion.checkpoints.clip_vision import load_clip_vision_of
from services.executor.diffusion.checkpoints.style_models import load_style_network
from services.executor.environment import environment
from services.executor.patching.clip import CLIP as CLIP
from services.executor.patching.clip_vision import ClipVisionModel
from services.executor.patching.gligen import load_gligen as load_gligen
from services.executor.patching.lora import with_lora
from services.executor.patching.model_patcher import ModelPatcher
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
    return (
        checkpoint.model if output_model else None,
        checkpoint.clip if output_clip else None,
        checkpoint.vae if output_vae else None,
        ClipVisionModel(vision) if vision else None,
    )


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
