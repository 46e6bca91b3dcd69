"""Orthogonal matrices from any square ones, by Cayley's transform.

Qiu et al., "Controlling Text-to-Image Diffusion by Orthogonal Finetuning", https://arxiv.org/abs/2306.07280, section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMALL = 1e-8  # keeps blocks that were not trained from a division by zero


def rotations(blocks: Tensor, constraint: Tensor | None, outputs: int) -> Tensor:
    """Rotations (…, size, size), one for each block.

    Args:
        constraint: how far from the identity all of them together may be, for each output; none where it is zero.
        outputs: of the weight.
    """
    skew = blocks - blocks.mT
    if constraint is not None:
        limit = torch.where(constraint > 0, constraint * outputs, torch.inf)
        norm = skew.norm() + SMALL
        skew = skew * (torch.minimum(norm, limit) / norm)
    identity = torch.eye(blocks.shape[-1], dtype=blocks.dtype, device=blocks.device)
    turns: Tensor = torch.linalg.solve(identity - skew, identity + skew)
    return turns
