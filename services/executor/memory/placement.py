"""The tensors of a network: on the device, or on the host.

A parameter stays the same object, its data change place: networks that share it, as those with other weights in some
layers do, all see it move. What it was at first is kept with it: pages of a file cost nothing, and bringing weights
back to the host is to let go of the copy.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torch import Tensor, nn

from services.executor.memory.device_memory import DeviceMemory
from services.executor.memory.streaming import padded


class _Place(enum.Enum):
    DEVICE = enum.auto()
    PINNED = enum.auto()  # on the host, in memory that the device reads by itself


class _Moved(NamedTuple):
    place: _Place
    before: Tensor


#: The name under which a tensor that was moved has where it is and what it was before.
_MOVED = "_silverprint_moved"


def tensors_of(networks: Iterable[nn.Module]) -> dict[int, Tensor]:
    """The parameters and buffers, each once however many networks share it, by their identity.

    Those of modules that say that they stay on the host (`stays_on_host`) are left out.
    """
    return {
        id(tensor): tensor
        for network in networks
        for module in network.modules()
        if not getattr(module, "stays_on_host", False)
        for tensor in itertools.chain(module._parameters.values(), module._buffers.values())
        if tensor is not None and not tensor.is_meta
    }


def is_placed(tensor: Tensor) -> bool:
    """Whether a tensor is on the device."""
    moved: _Moved | None = getattr(tensor, _MOVED, None)
    return tensor.device.type != "cpu" if moved is None else moved.place is _Place.DEVICE


def on_host(tensor: Tensor) -> Tensor:
    """The tensor as it is on the host, itself where it is nowhere else."""
    moved: _Moved | None = getattr(tensor, _MOVED, None)
    return tensor if moved is None else moved.before


def place(tensor: Tensor, memory: DeviceMemory) -> None:
    """Bring a tensor to the device."""
    if not is_placed(tensor):
        before = on_host(tensor).data
        tensor.data = memory.copied(tensor.data)
        setattr(tensor, _MOVED, _Moved(_Place.DEVICE, before))


def take_back(tensor: Tensor) -> None:
    """Bring a tensor to what it was on the host, by a copy if it was made on the device."""
    moved: _Moved | None = getattr(tensor, _MOVED, None)
    if moved is not None:
        tensor.data = moved.before
        delattr(tensor, _MOVED)
    elif is_placed(tensor):
        tensor.data = tensor.data.cpu()


def pin(tensor: Tensor, memory: DeviceMemory) -> None:
    """Have a tensor on the host where the device reads it by itself, if there is room for that."""
    if getattr(tensor, _MOVED, None) is None and not is_placed(tensor):
        before = tensor.data
        pinned = memory.pinned(before)
        if pinned is not before:
            tensor.data = pinned
            setattr(tensor, _MOVED, _Moved(_Place.PINNED, before))


def size_of(tensors: Iterable[Tensor]) -> int:
    """Their bytes."""
    return sum(tensor.nbytes for tensor in tensors)


def layers_of(networks: Iterable[nn.Module]) -> Iterator[nn.Module]:
    """The layers that take their weights from wherever they are, and so may be used while these are on the host."""
    seen = set()
    for network in networks:
        for module in network.modules():
            if getattr(module, "comfy_cast_weights", False) and id(module) not in seen:
                seen.add(id(module))
                yield module


def layer_size(layer: nn.Module) -> int:
    """The bytes that a layer's own parameters take in a buffer."""
    return sum(padded(weight.nbytes) for weight in layer.parameters(recurse=False))
