"""GLoRA: what is added is the weight times one low-rank matrix, and another one.

Chavan et al., "One-for-All: Generalized LoRA for Parameter-Efficient Fine-tuning", https://arxiv.org/abs/2306.07967; in
the two layouts that LyCORIS has had.
"""

from __future__ import annotations

import torch
from torch import Tensor

from services.executor.diffusion.adapters.adapter import Change, Parts

NEEDED = ("a1", "a2", "b1", "b2")


def make(parts: Parts, weight: Tensor) -> Change:
    """weight @ a1 @ a2 + b1 @ b2 by the channels of inputs, where a1 is (inputs, rank).

    In the older layout the order is the other one, and all that a convolution sees are its inputs.
    """
    a1, a2, b1, b2 = (parts[name].flatten(1) for name in NEEDED)
    if len(a1) == weight.shape[1]:
        mixed = torch.einsum("oi...,ir,rj->oj...", weight, a1, a2)
        return Change(mixed + (b1 @ b2).reshape(weight.shape), a1.shape[1])
    return Change((weight.flatten(1) @ a2 @ a1 + b2 @ b1).reshape(weight.shape), len(a1))
