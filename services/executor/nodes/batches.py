"""Batches brought into agreement: their number, their channels, their size."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from services.executor.nodes.limits import check_size
from services.executor.nodes.scaling import scaled


def repeated(batch: Tensor, length: int, inputs: str) -> Tensor:
    """Repeat a batch from its start until it has `length` items, or cut it to them; `inputs` names what asks for it.

    A batch of one is only a view of that many.

    Raises:
        ValueError: it is empty, or the result would be too large.
    """
    if len(batch) == 0:
        raise ValueError(f"{inputs}: the batch is empty")
    if len(batch) >= length:
        return batch[:length]
    if len(batch) == 1:
        return batch.expand(length, *batch.shape[1:])
    check_size(inputs, length, *batch.shape[1:])
    return batch[torch.arange(length, device=batch.device) % len(batch)]


def with_channels(images: Tensor, channels: int) -> Tensor:
    """Drop channels beyond `channels`, or add opaque ones (1)."""
    missing = channels - images.shape[-1]
    return images[..., :channels] if missing <= 0 else functional.pad(images, (0, missing), value=1.0)


def like(images: Tensor, model: Tensor, method: str) -> Tensor:
    """Bring pictures to the size of others (both batch, height, width, channels), cropping to their proportions."""
    height, width = model.shape[1:3]
    return images if images.shape[1:3] == model.shape[1:3] else scaled(images, width, height, method, "center")


def flat_masks(mask: Tensor) -> Tensor:
    """Masks as (batch, height, width), whatever comes before height and width."""
    return mask.reshape(-1, *mask.shape[-2:])


def resized_masks(mask: Tensor, height: int, width: int) -> Tensor:
    """Masks (batch, height, width) of that size, with values in between where they were of another."""
    masks = flat_masks(mask)
    if masks.shape[1:] == (height, width):
        return masks
    check_size("mask", len(masks), height, width)
    return functional.interpolate(masks.unsqueeze(1), size=(height, width), mode="bilinear").squeeze(1)
