"""`comfy_api.input`: names of what flows between nodes, for annotations."""

from __future__ import annotations

from typing import TypedDict

from torch import Tensor

from services.executor.nodes.video.components import Audio as AudioInput
from services.executor.nodes.video.interface import Video as VideoInput

__all__ = ["AudioInput", "ImageInput", "LatentInput", "MaskInput", "VideoInput"]

#: (batch, height, width, channels)
ImageInput = Tensor
#: (batch, height, width)
MaskInput = Tensor


class LatentInput(TypedDict, total=False):
    """A latent; more keys are allowed."""

    samples: Tensor
    noise_mask: Tensor
    batch_index: list[int]
