"""What is told of memory: where weights are, and what was done."""

from __future__ import annotations

import bisect
import contextlib
from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from services.executor.memory import placement
from services.executor.memory.planner import MemoryPlanner
from services.queue.records import MemoryUse

_MAPPINGS = Path("/proc/self/maps")


def memory_use(planner: MemoryPlanner) -> MemoryUse:
    """The state of a planner's device and what has happened there."""
    tensors = list(placement.tensors_of(planner.known()).values())
    on_device = placement.size_of(tensor for tensor in tensors if placement.is_placed(tensor))
    originals = [placement.on_host(tensor) for tensor in tensors]
    on_host = [tensor for tensor in originals if tensor.device.type == "cpu"]
    mapped = _mapped_bytes(on_host)
    counters = planner.counters
    return MemoryUse(
        budget=planner.budget,
        models_loaded=len(planner.loaded()),
        device_bytes=on_device,
        host_bytes=placement.size_of(on_host) - mapped,
        mapped_bytes=mapped,
        loads=counters.loads,
        load_seconds=counters.load_seconds,
        evictions=counters.evictions,
        steps=dict(counters.steps),
    )


def _mapped_bytes(tensors: Iterable[Tensor], mappings: Path = _MAPPINGS) -> int:
    """How much of tensors is pages of files; none where the system does not say (it does on Linux)."""
    begins: list[int] = []
    ends: list[int] = []
    with contextlib.suppress(OSError):
        for line in mappings.read_text(errors="replace").splitlines():
            addresses, _, _, _, inode, *_ = line.split()
            if inode != "0":
                begin, _, end = addresses.partition("-")
                begins.append(int(begin, 16))
                ends.append(int(end, 16))
    total = 0
    for tensor in tensors:
        place = bisect.bisect_right(begins, address := tensor.data_ptr()) - 1
        total += tensor.nbytes if place >= 0 and address < ends[place] else 0
    return total
