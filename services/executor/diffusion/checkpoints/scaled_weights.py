"""Weights that are stored in 8 bits beside a scale for each: what they stand for is their product."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

MARKER = "scaled_fp8"
"""The name, below the model's prefix, of a tensor that says that a file has such weights."""

SCALE, INPUT_SCALE = ".scale_weight", ".scale_input"
STORED = torch.float16
"""What the products are kept in: 11 significant bits of the 4 that the 8-bit numbers have times those of a scale."""


def unscaled(weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The weights multiplied by their scales, without these; files without scales are returned as they are."""
    if not any(name.split(".")[-1] == MARKER for name in weights):
        return weights
    found = {}
    for name, tensor in weights.items():
        if name.endswith((MARKER, SCALE, INPUT_SCALE)):
            continue
        scale = weights.get(name.removesuffix(".weight") + SCALE)
        found[name] = tensor if scale is None else (tensor.float() * scale.float()).to(STORED)
    return found
