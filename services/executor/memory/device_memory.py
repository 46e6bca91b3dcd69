"""What the planner needs of a device: how much memory there is, and copies of tensors in it."""

from __future__ import annotations

from typing import Protocol

import psutil
import torch
from torch import Tensor

from services.executor.diffusion.models.layers import LayerStream
from services.executor.memory.free_memory import free_memory, total_memory
from services.executor.memory.streaming import WeightStream

#: What the host keeps when weights are copied within it, in bytes.
HOST_SPARE = 2 << 30


class DeviceMemory(Protocol):
    """The memory of one device, sizes in bytes.

    Attributes:
        device: which.
        is_host: it is the host's own memory, where weights are already.
    """

    device: torch.device
    is_host: bool

    def total(self) -> int:
        """All of it."""

    def free(self) -> int:
        """What tensors can still have, what torch keeps for later included."""

    def taken(self) -> int:
        """What this process's tensors have."""

    def copied(self, tensor: Tensor) -> Tensor:
        """A copy in this memory.

        Raises:
            torch.OutOfMemoryError: it does not fit.
        """

    def pinned(self, tensor: Tensor) -> Tensor:
        """A copy on the host that the device reads by itself, the tensor itself where there is no such thing."""

    def give_back(self) -> None:
        """Let others have what torch keeps for later."""

    def stream(self, largest: int) -> LayerStream | None:
        """What brings layers of at most `largest` bytes here ahead of their use, None where that gains nothing."""


class HostMemory:
    """The host's: weights are pages of files, or were made here."""

    device = torch.device("cpu")
    is_host = True

    def total(self) -> int:
        """All of it, or the container's limit."""
        return total_memory()

    def free(self) -> int:
        """What is left, of the container's limit where that comes first."""
        return free_memory()

    def taken(self) -> int:
        """What this process has, without pages of files."""
        memory = psutil.Process().memory_info()
        return int(memory.rss - getattr(memory, "shared", 0))

    def copied(self, tensor: Tensor) -> Tensor:
        """The tensor itself: it is here."""
        return tensor

    def pinned(self, tensor: Tensor) -> Tensor:
        """The tensor itself."""
        return tensor

    def give_back(self) -> None:
        """Nothing to do: the system takes what is freed."""

    def stream(self, largest: int) -> None:
        """None: nothing has to be brought."""


class CudaMemory:
    """A device of CUDA or ROCm, which torch speaks to by the same calls."""

    is_host = False

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def total(self) -> int:
        """All of the device's."""
        return int(torch.cuda.mem_get_info(self.device)[1])

    def free(self) -> int:
        """What the device has left, and what torch has reserved and does not use."""
        unused = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        return int(torch.cuda.mem_get_info(self.device)[0]) + unused

    def taken(self) -> int:
        """What tensors have."""
        return torch.cuda.memory_allocated(self.device)

    def copied(self, tensor: Tensor) -> Tensor:
        """A copy on the device; the host does not wait for those of pinned memory."""
        return tensor.to(self.device, non_blocking=tensor.is_pinned())

    def pinned(self, tensor: Tensor) -> Tensor:
        """A copy in memory that the system does not move, as long as the host has as much again to spare."""
        if free_memory() < HOST_SPARE + 2 * tensor.nbytes:
            return tensor
        try:
            return tensor.pin_memory()
        except RuntimeError:  # the system may allow less
            return tensor

    def give_back(self) -> None:
        """Return to the driver what torch keeps for later."""
        torch.cuda.empty_cache()

    def stream(self, largest: int) -> LayerStream:
        """Copies on a stream of their own."""
        return WeightStream(self.device, largest)


class MpsMemory:
    """Apple's, which is the host's memory with a limit of its own."""

    device = torch.device("mps")
    is_host = False

    def total(self) -> int:
        """What Metal recommends to take at most."""
        return int(torch.mps.recommended_max_memory())

    def free(self) -> int:
        """What is left of it, or of the host's."""
        return min(max(0, self.total() - torch.mps.current_allocated_memory()), free_memory())

    def taken(self) -> int:
        """What tensors have."""
        return int(torch.mps.current_allocated_memory())

    def copied(self, tensor: Tensor) -> Tensor:
        """A copy for Metal."""
        return tensor.to(self.device)

    def pinned(self, tensor: Tensor) -> Tensor:
        """The tensor itself."""
        return tensor

    def give_back(self) -> None:
        """Return what torch keeps for later."""
        torch.mps.empty_cache()

    def stream(self, largest: int) -> None:
        """None: the memory is the same, a copy cannot overlap with much."""


def memory_of(device: torch.device) -> DeviceMemory:
    """The memory of a device."""
    match device.type:
        case "cuda":
            return CudaMemory(device)
        case "mps":
            return MpsMemory()
    return HostMemory()
