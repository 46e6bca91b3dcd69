"""Weights of layers that do not stay on the device: copied there when the layer is used, and the next one's ahead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

#: Tensors in a buffer begin at multiples of so many bytes, which kernels read fastest.
_ALIGNMENT = 256


class WeightStream:
    """Copies on a CUDA stream of their own, one layer ahead, into two buffers in turn.

    Layers run in the same order in every step, so what followed a layer once is taken to follow it again. The host
    waits for nothing: each stream waits for the other where it needs what that does.
    """

    def __init__(self, device: torch.device, largest: int) -> None:
        """Take two buffers of `largest` bytes."""
        self._device = device
        self._largest = largest
        self._copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._buffers = [_Buffer(largest, self._copying) for _ in range(2)]
        # What had this memory before may still be read by work that is queued.
        self._copying.wait_stream(torch.cuda.current_stream(device))
        self._turn = 0
        self._following: dict[nn.Module, nn.Module] = {}
        self._latest: nn.Module | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> WeightStream:
        """Itself: a copy of a layer, as packs make them, gets its weights from the same place."""
        return self

    def weights(self, layer: nn.Module) -> tuple[Tensor, Tensor | None]:
        """The weight and the bias of a layer, on the device, until the next layer asks for its own."""
        own = dict(layer.named_parameters(recurse=False))
        if own["weight"].device.type != "cpu" or sum(padded(weight.nbytes) for weight in own.values()) > self._largest:
            # A copy of the layer with other weights, made since: they are on the device, or may be larger.
            return own["weight"].to(self._device), own["bias"].to(self._device) if "bias" in own else None
        current = torch.cuda.current_stream(self._device)
        self._buffers[self._turn].read.record(current)  # the layer before has been given all its work
        self._turn = 1 - self._turn
        buffer = self._buffers[self._turn]
        if buffer.layer is not layer:
            self._fill(buffer, layer)
        current.wait_event(buffer.filled)
        if self._latest is not None:
            self._following[self._latest] = layer
        self._latest = layer
        if (following := self._following.get(layer)) is not None:
            self._fill(self._buffers[1 - self._turn], following)
        return buffer.weights["weight"], buffer.weights.get("bias")

    def _fill(self, buffer: _Buffer, layer: nn.Module) -> None:
        with torch.cuda.stream(self._copying):
            self._copying.wait_event(buffer.read)
            buffer.fill(layer)
            buffer.filled.record(self._copying)


class _Buffer:
    """Room on the device for the parameters of one layer."""

    def __init__(self, size: int, copying: torch.cuda.Stream) -> None:
        self.filled = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self.read = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self.layer: nn.Module | None = None
        self.weights: dict[str, Tensor] = {}
        self._bytes = torch.empty(size, dtype=torch.uint8, device=copying.device)
        self._bytes.record_stream(copying)  # a copy may be under way when nobody needs it any more

    def fill(self, layer: nn.Module) -> None:
        self.layer = layer
        self.weights = dict(self._copied(layer))

    def _copied(self, layer: nn.Module) -> Iterator[tuple[str, Tensor]]:
        begin = 0
        for name, weight in layer.named_parameters(recurse=False):
            part = self._bytes[begin : begin + weight.nbytes].view(weight.dtype).view(weight.shape)
            yield name, part.copy_(weight.data, non_blocking=True)
            begin += padded(weight.nbytes)


def padded(size: int) -> int:
    """The bytes that a tensor of a size takes in a buffer."""
    return -(-size // _ALIGNMENT) * _ALIGNMENT
