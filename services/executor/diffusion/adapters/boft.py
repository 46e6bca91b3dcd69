"""BOFT: the outputs of a layer rotated in blocks several times, shuffled in between as by a butterfly.

Liu et al., "Parameter-Efficient Orthogonal Finetuning via Butterfly Factorization", https://arxiv.org/abs/2311.06243;
in the layout of LyCORIS.
"""

from __future__ import annotations

import torch
from torch import Tensor

from services.executor.diffusion.adapters.adapter import Change, Parts
from services.executor.diffusion.adapters.oft import BLOCKS, rescaled
from services.executor.diffusion.adapters.rotations import rotations

DIMENSIONS = 4


def make(parts: Parts, weight: Tensor) -> Change:
    """rescale * (B_m … B_1 @ weight) - weight, the factors made of the rotations (factors, blocks, size, size)."""
    turned = weight.flatten(1)
    for number, turns in enumerate(rotations(parts[BLOCKS], parts.get("alpha"), len(weight))):
        blocks, size, _ = turns.shape
        # Outputs that are so far apart come side by side.
        distance = 2**number * size // 2
        pairs = turned.reshape(-1, 2, distance, turned.shape[1]).transpose(1, 2)
        rows = torch.einsum("kij,kjc->kic", turns, pairs.reshape(blocks, size, -1))
        turned = rows.reshape(-1, distance, 2, turned.shape[1]).transpose(1, 2).reshape(turned.shape)
    return Change(rescaled(turned.reshape(weight.shape), parts) - weight, None)
