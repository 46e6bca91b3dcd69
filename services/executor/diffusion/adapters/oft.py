"""OFT: the outputs of a layer rotated in blocks.

Qiu et al., "Controlling Text-to-Image Diffusion by Orthogonal Finetuning", https://arxiv.org/abs/2306.07280; in the
layout of LyCORIS and of kohya's scripts, which rotate by the transpose.
"""

from __future__ import annotations

import torch
from torch import Tensor

from services.executor.diffusion.adapters.adapter import Change, Parts
from services.executor.diffusion.adapters.rotations import rotations

BLOCKS = "oft_blocks"
#: What may be there besides: a factor for each output, and the constraint of the training.
EXTRAS = ("rescale", "alpha")
DIMENSIONS = 3


def make(parts: Parts, weight: Tensor) -> Change:
    """rescale * (R^T @ weight) - weight, R having the rotations (blocks, size, size) along its diagonal."""
    turns = rotations(parts[BLOCKS], parts.get("alpha"), len(weight))
    blocks, size, _ = turns.shape
    rows = weight.reshape(blocks, size, -1)
    return Change(rescaled(torch.einsum("knm,kni->kmi", turns, rows).reshape(weight.shape), parts) - weight, None)


def rescaled(weight: Tensor, parts: Parts) -> Tensor:
    """A weight times the factors of its outputs, if there are any."""
    if "rescale" not in parts:
        return weight
    return weight * parts["rescale"].reshape(-1, *[1] * (weight.dim() - 1))
