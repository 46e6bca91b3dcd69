"""A device that is not there: memory of a size, in which tensors are copies on the CPU."""

from __future__ import annotations

import weakref

import torch
from torch import Tensor, nn

from services.executor.diffusion.models.layers import CastsAtUse


class SmallDevice:
    """So many bytes; what does not fit is refused as CUDA does it.

    Attributes:
        copies: how many tensors were brought.
        given_back: how often the cache was given back.
    """

    device = torch.device("cpu")
    is_host = False

    def __init__(self, size: int) -> None:
        self.size = size
        self.copies = 0
        self.given_back = 0
        self._taken = 0

    def total(self) -> int:
        """All of it."""
        return self.size

    def free(self) -> int:
        """What is left."""
        return self.size - self._taken

    def taken(self) -> int:
        """What copies that are still there have."""
        return self._taken

    def copied(self, tensor: Tensor) -> Tensor:
        """A copy, which is counted until it is gone."""
        if tensor.nbytes > self.free():
            raise torch.OutOfMemoryError(f"tried to allocate {tensor.nbytes} of {self.free()} bytes")
        self.copies += 1
        self._taken += tensor.nbytes
        copy = tensor.clone()
        weakref.finalize(copy.untyped_storage(), self._gone, tensor.nbytes)
        return copy

    def pinned(self, tensor: Tensor) -> Tensor:
        """The tensor itself."""
        return tensor

    def give_back(self) -> None:
        """Count it."""
        self.given_back += 1

    def stream(self, largest: int) -> Streamed:
        """Counts the layers that get their weights from it, and takes what two of them need."""
        return Streamed([self.copied(torch.zeros(largest, dtype=torch.uint8)) for _ in range(2)])

    def _gone(self, size: int) -> None:
        self._taken -= size


class Streamed:
    """Gives layers their weights as they are on the host.

    Attributes:
        used: how often.
    """

    def __init__(self, buffers: list[Tensor]) -> None:
        self.used = 0
        self._buffers = buffers

    def weights(self, layer: nn.Module) -> tuple[Tensor, Tensor | None]:
        """The weight and the bias."""
        assert isinstance(layer, CastsAtUse)
        self.used += 1
        weights = dict(layer.named_parameters(recurse=False))
        return weights["weight"], weights.get("bias")
