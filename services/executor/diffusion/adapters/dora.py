"""DoRA: the direction of a weight is adapted, and its magnitude is learned beside it.

Liu et al., "DoRA: Weight-Decomposed Low-Rank Adaptation", https://arxiv.org/abs/2402.09353. The paper divides by the
norm of the adapted weight (equation 5); ComfyUI v0.3.64 divides by that of the weight as it was, and so do we.
"""

from __future__ import annotations

import torch
from torch import Tensor


def change(weight: Tensor, delta: Tensor, magnitude: Tensor) -> Tensor:
    """What turns a weight into magnitude * (weight + delta) / norm(weight).

    Args:
        magnitude: of each output (outputs, 1, …) or of each input (1, inputs, …).
    """
    kept = 0 if magnitude.shape[0] == len(weight) else 1
    others = [dimension for dimension in range(weight.dim()) if dimension != kept]
    norm: Tensor = torch.linalg.vector_norm(weight, dim=others, keepdim=True)
    norm = norm + torch.finfo(norm.dtype).eps
    return (weight + delta) * (magnitude.to(weight).reshape(norm.shape) / norm) - weight
