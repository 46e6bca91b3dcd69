"""LoRA matrices of what is between two weights."""

from __future__ import annotations

import torch
from torch import Tensor


def low_rank(change: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The matrices (up, down) whose product is as near to a change as any of that rank (Eckart and Young, 1936).

    Args:
        change: (outputs, inputs), or (outputs, inputs, height, width) of a convolution.

    Returns:
        (outputs, rank) and (rank, inputs), of a convolution (outputs, rank, 1, 1) and (rank, inputs, height, width);
        the rank is at most what the change can have.
    """
    left, values, right = torch.linalg.svd(change.float().flatten(1), full_matrices=False)
    rank = min(rank, len(values))
    root = values[:rank].sqrt()
    up, down = left[:, :rank] * root, root[:, None] * right[:rank]
    kernel = change.shape[2:]
    return up.reshape(*up.shape, *[1] * len(kernel)), down.reshape(rank, change.shape[1], *kernel)
