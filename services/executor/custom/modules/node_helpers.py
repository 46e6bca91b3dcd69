"""`node_helpers`: small things that many nodes do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from PIL import ImageFile, UnidentifiedImageError
from torch import Tensor

T = TypeVar("T")


def conditioning_set_values(
    conditioning: Sequence[Sequence[Any]], values: Mapping[str, Any] = {}, append: bool = False
) -> list[list[Any]]:
    """The conditioning with options set in every entry, or with `append` added to the lists that are there."""
    changed = []
    for embedding, options in conditioning:
        new = dict(options)
        for key, value in values.items():
            new[key] = [*(new.get(key) or []), *value] if append and new.get(key) is not None else value
        changed.append([embedding, new])
    return changed


def pillow(fn: Callable[..., T], arg: Any) -> T:
    """What Pillow's function gives, trying once more with damaged files allowed."""
    try:
        return fn(arg)
    except (OSError, UnidentifiedImageError, ValueError):
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            return fn(arg)
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def hasher() -> Any:
    """What hashes files: SHA-256."""
    return hashlib.sha256


def string_to_torch_dtype(string: str) -> torch.dtype | None:
    """The dtype of "fp32", "fp16" or "bf16", None for anything else."""
    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}.get(string)


def image_alpha_fix(destination: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """Two batches of pictures (batch, height, width, channels) with equal channels; a missing alpha is 1."""
    missing = source.shape[-1] - destination.shape[-1]
    if missing > 0:
        destination = torch.nn.functional.pad(destination, (0, missing), value=1.0)
    return destination, source[..., : destination.shape[-1]]
