"""Pictures that steer, at the size and in the number that a batch needs."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from services.executor.diffusion.batches import repeated
from services.executor.diffusion.cropping import cropped


def scaled(hint: Tensor, height: int, width: int, algorithm: str) -> Tensor:
    """Hints (batch, channels, height, width) at a size in pixels, without what the new proportions leave over."""
    return functional.interpolate(cropped(hint.float(), width / height), size=(height, width), mode=algorithm)


def for_batch(hint: Tensor, batch: int, batched_number: int) -> Tensor:
    """Hints for a batch of `batched_number` times the same latents: one for all, or each repeated in order."""
    if len(hint) == 1:
        return hint
    each = repeated(hint, batch // batched_number)
    return each if len(each) == batch else each.repeat(batched_number, 1, 1, 1)
