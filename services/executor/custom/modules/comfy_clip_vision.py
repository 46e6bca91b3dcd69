"""`comfy.clip_vision`: encoders of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from services.executor.diffusion import clip_pictures
from services.executor.diffusion.checkpoints.clip_vision import clip_vision, load_clip_vision
from services.executor.diffusion.checkpoints.structure import under
from services.executor.patching.clip_vision import ClipVisionModel as ClipVisionModel
from services.executor.patching.clip_vision import Output as Output


def load(ckpt_path: Any) -> ClipVisionModel:
    """The encoder in a file.

    Raises:
        CheckpointError: it is no encoder of pictures.
    """
    return ClipVisionModel(load_clip_vision(Path(ckpt_path)))


def load_clipvision_from_sd(sd: Mapping[str, Tensor], prefix: str = "", convert_keys: bool = False) -> ClipVisionModel:
    """The encoder with the weights below a prefix; the names of either layout are known, whatever `convert_keys` says.

    Raises:
        CheckpointError: it is no encoder of pictures.
    """
    return ClipVisionModel(clip_vision(under(sd, prefix)))


def clip_preprocess(
    image: Tensor,
    size: int = 224,
    mean: Any = clip_pictures.MEAN,
    std: Any = clip_pictures.STANDARD_DEVIATION,
    crop: bool = True,
) -> Tensor:
    """Pictures (batch, height, width, channels) in 0..1 as an encoder's network takes them."""
    return clip_pictures.prepared(image, size, crop, mean, std)
