"""Reading PhotoMaker's encoder of pictures; the LoRA in the same file is for the loader of LoRA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.clip_vision_structure import clip_vision_spec
from services.executor.diffusion.checkpoints.errors import CheckpointError, told_of
from services.executor.diffusion.checkpoints.filling import filled, shapes_of
from services.executor.diffusion.checkpoints.foreign import looks_like
from services.executor.diffusion.checkpoints.structure import shape_of, under
from services.executor.diffusion.checkpoints.weights_file import load_weights_file
from services.executor.diffusion.models.photomaker import PhotoMaker, PhotoMakerSpec

ENCODER = "id_encoder"


def load_photomaker(path: Path) -> PhotoMaker:
    """The encoder in a file, its weights in their dtype.

    Raises:
        CheckpointError: the file is damaged, or holds none.
    """
    content = load_weights_file(path, "a PhotoMaker model")
    with told_of(path.name):
        return _photomaker(_encoder(content))


def _photomaker(weights: Mapping[str, Tensor]) -> PhotoMaker:
    shapes = shapes_of(weights)
    if "fuse_module.layer_norm.weight" not in shapes:
        raise CheckpointError(f"this is no PhotoMaker model; {looks_like(shapes)}")
    shape_of(shapes, "visual_projection.weight", 2)
    second_dim = shape_of(shapes, "visual_projection_2.weight", 2)[0]
    spec = PhotoMakerSpec(**asdict(clip_vision_spec(shapes, {})), second_dim=second_dim)
    with torch.device("meta"):
        network = PhotoMaker(spec)
    return filled(network, weights)


def _encoder(content: Any) -> dict[str, Tensor]:
    """The weights under `id_encoder`, with the rest of their names below it in a pickled file."""
    if not isinstance(content, Mapping):
        return {}
    own = content.get(ENCODER)
    if isinstance(own, Mapping):
        content = own
    elif any(name.startswith(f"{ENCODER}.") for name in content):
        content = under(content, f"{ENCODER}.")
    return {name: weight for name, weight in content.items() if isinstance(weight, Tensor)}
