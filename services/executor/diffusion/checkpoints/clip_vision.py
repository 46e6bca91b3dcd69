"""Reading CLIP's encoder of pictures, from a file of its own or from a checkpoint that has one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.clip_vision_structure import clip_vision_spec
from services.executor.diffusion.checkpoints.errors import CheckpointError, told_of
from services.executor.diffusion.checkpoints.filling import filled, shapes_of
from services.executor.diffusion.checkpoints.foreign import looks_like
from services.executor.diffusion.checkpoints.openclip_names import transformer_weights
from services.executor.diffusion.checkpoints.structure import under
from services.executor.diffusion.checkpoints.weights_file import read_model_file
from services.executor.diffusion.models.clip_vision import ClipVision

CONFIGURATION = "clip_vision"
OPENCLIP = "visual."
CHECKPOINT_PREFIX = "embedder.model."

_OPENCLIP_NAMES = {
    "class_embedding": "embeddings.class_embedding",
    "conv1.weight": "embeddings.patch_embedding.weight",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_pre.weight": "pre_layrnorm.weight",
    "ln_pre.bias": "pre_layrnorm.bias",
    "ln_post.weight": "post_layernorm.weight",
    "ln_post.bias": "post_layernorm.bias",
}
_MARKS = ("vision_model.embeddings.patch_embedding.weight", f"{OPENCLIP}conv1.weight")


def load_clip_vision(path: Path) -> ClipVision:
    """The encoder in a file, its weights in their dtype.

    Raises:
        CheckpointError: the file is damaged, or holds no encoder that is known.
    """
    file = read_model_file(path, "a CLIP vision model")
    with told_of(path.name):
        return clip_vision(file.weights, file.configuration.get(CONFIGURATION))


def load_clip_vision_of(path: Path) -> ClipVision | None:
    """The encoder in the checkpoint of a model that follows pictures, None where there is none.

    Raises:
        CheckpointError: not all of it is there.
    """
    file = read_model_file(path, "a checkpoint")
    weights = under(file.weights, CHECKPOINT_PREFIX)
    if not any(mark in weights for mark in _MARKS):
        return None
    with told_of(path.name):
        return clip_vision(weights, file.configuration.get(CONFIGURATION))


def clip_vision(weights: Mapping[str, Tensor], configuration: Mapping[str, Any] | None = None) -> ClipVision:
    """The encoder with these weights, which have the names of Hugging Face or of OpenCLIP.

    Raises:
        CheckpointError: there is none, or not all of it.
    """
    if not any(mark in weights for mark in _MARKS):
        raise CheckpointError(f"this is no CLIP vision model; {looks_like(shapes_of(weights))}")
    if _MARKS[0] not in weights:
        weights = _from_openclip(under(weights, OPENCLIP))
    spec = clip_vision_spec(shapes_of(weights), configuration or {})
    with torch.device("meta"):
        network = ClipVision(spec)
    return filled(network, weights)


def _from_openclip(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    named = {f"vision_model.{_OPENCLIP_NAMES[name]}": weights[name] for name in _OPENCLIP_NAMES if name in weights}
    named |= {f"vision_model.encoder.{name}": tensor for name, tensor in transformer_weights(weights)}
    if "proj" in weights:
        named["visual_projection.weight"] = weights["proj"].T.contiguous()
    return named
