"""`comfy_api.input`: names of what flows between nodes, for annotations."""

from __future__ import annotations

from typing import TypedDict

from torch import Tensor

#: (batch, height, width, channels)
ImageInput = Tensor
#: (batch, height, width)
MaskInput = Tensor


class AudioInput(TypedDict):
    """Sound."""

    #: (batch, channels, samples)
    waveform: Tensor
    sample_rate: int


class LatentInput(TypedDict, total=False):
    """A latent; more keys are allowed."""

    samples: Tensor
    noise_mask: Tensor
    batch_index: list[int]
