"""Which networks are on the device: those used last, within a budget.

What is about to compute is brought there, as much of it as fits beside the room that its work needs; the networks used
longest ago make room first. Layers that do not fit stay on the host and are copied when they are used.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence

from torch import Tensor, nn

from services.executor.diffusion.models.layers import CastsAtUse
from services.executor.memory import placement
from services.executor.memory.counters import Counters
from services.executor.memory.device_memory import DeviceMemory
from services.executor.memory.division import divided

log = logging.getLogger(__name__)


class MemoryPlanner:
    """The networks of one device.

    Attributes:
        memory: the device's.
        budget: the bytes of it that may be taken.
        counters: of what happened.
    """

    def __init__(self, memory: DeviceMemory, budget: int) -> None:
        self.memory = memory
        self.budget = budget
        self.counters = Counters()
        #: when each was used, counting up
        self._used: weakref.WeakKeyDictionary[nn.Module, int] = weakref.WeakKeyDictionary()
        self._now = 0
        self._held: list[nn.Module] = []
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def held(self, networks: Sequence[nn.Module]) -> Iterator[None]:
        """Keep networks from having to leave for others meanwhile."""
        before = self._held
        self._held = [*before, *networks]
        try:
            yield
        finally:
            self._held = before

    def room(self) -> int:
        """The bytes that can still be taken; less than none when the budget is overdrawn."""
        if self.memory.is_host:
            return self.memory.free()
        return min(self.budget - self.memory.taken(), self.memory.free())

    def use(self, networks: Sequence[nn.Module], working: int = 0, least: int | None = None) -> int:
        """Bring networks to the device, with room for their work.

        Args:
            working: the bytes that the work takes at best.
            least: the bytes that it can do with, when otherwise a network would have to stay on the host in part.

        Returns:
            The bytes of room that there are now.
        """
        least = working if least is None else min(least, working)
        with self._lock:
            self._note(networks)
            if self.memory.is_host:
                return self.room()
            self._stream(placement.layers_of(networks), None)  # buffers are room, too
            tensors = placement.tensors_of(networks)
            missing = placement.size_of(tensor for tensor in tensors.values() if not placement.is_placed(tensor))
            room = self.make_room(missing + working, keep=networks)
            if room >= missing + least or not tensors:
                self._bring(networks, tensors.values())
            else:
                self._place_partly(networks, tensors, room + self._placed(tensors.values()) - least)
            return self.room()

    def make_room(self, wanted: int, keep: Iterable[nn.Module] = ()) -> int:
        """Take back what was used longest ago until there is so much room, or nothing more to take back.

        Returns:
            The room that there is.
        """
        with self._lock:
            kept = placement.tensors_of([*keep, *self._held])
            for network in self.loaded():
                if self.room() >= wanted:
                    break
                self._evict(network, kept)
            if self.room() < wanted:
                gc.collect()  # what nothing refers to but itself
            return self.room()

    def unload(self, keep: Iterable[nn.Module] = ()) -> int:
        """Take everything back but some networks; returns how many left."""
        with self._lock:
            kept = placement.tensors_of([*keep, *self._held])
            left = sum(self._evict(network, kept) for network in self.loaded())
            self.memory.give_back()
            return left

    def evict(self, networks: Iterable[nn.Module]) -> int:
        """Take networks back; returns how many left."""
        with self._lock:
            return sum(self._evict(network, {}) for network in networks)

    def shrink(self, networks: Sequence[nn.Module], share: float) -> bool:
        """Keep at most a share of what networks have on the device now there; returns whether less is there then."""
        with self._lock:
            tensors = placement.tensors_of(networks)
            before = self._placed(tensors.values())
            if self.memory.is_host or not before:
                return False
            self._place_partly(networks, tensors, int(before * share))
            self.memory.give_back()
            return self._placed(tensors.values()) < before

    def loaded(self) -> list[nn.Module]:
        """The networks with weights on the device (on the host: all that were used), longest unused first."""
        with self._lock:
            known = sorted(self._used.items(), key=lambda item: item[1])
            return [network for network, _ in known if self.placed([network])]

    def known(self) -> list[nn.Module]:
        """The networks that were used and are still there."""
        with self._lock:
            return list(self._used)

    def placed(self, networks: Iterable[nn.Module]) -> int:
        """The bytes of networks that are where they compute."""
        tensors = placement.tensors_of(networks).values()
        return placement.size_of(tensors) if self.memory.is_host else self._placed(tensors)

    def _note(self, networks: Iterable[nn.Module]) -> None:
        for network in networks:
            self._now += 1
            self._used[network] = self._now

    def _placed(self, tensors: Iterable[Tensor]) -> int:
        return placement.size_of(tensor for tensor in tensors if placement.is_placed(tensor))

    def _evict(self, network: nn.Module, kept: dict[int, Tensor]) -> bool:
        own = placement.tensors_of([network])
        leaving = [tensor for key, tensor in own.items() if key not in kept and placement.is_placed(tensor)]
        if self.memory.is_host or not leaving:
            return False
        size = placement.size_of(leaving)
        for tensor in leaving:
            placement.take_back(tensor)
        self._stream(placement.layers_of([network]), None)
        self.counters.evictions += 1
        log.info("took %s back to the host: device=%s bytes=%d", _names([network]), self.memory.device, size)
        return True

    def _place_partly(self, networks: Sequence[nn.Module], tensors: dict[int, Tensor], allowed: int) -> None:
        """Have as much of networks on the device as is allowed, and the rest where it is quick to copy from."""
        self._stream(placement.layers_of(networks), None)
        parts = divided(networks, tensors, allowed)
        for tensor in parts.left.values():
            placement.take_back(tensor)
            placement.pin(tensor, self.memory)
        self._bring(networks, parts.kept.values())
        self._stream(parts.leaving, parts.largest)
        log.info(
            "%s does not fit: device=%s layers_staying=%d layers_leaving=%d bytes_leaving=%d",
            *(_names(networks), self.memory.device, len(parts.staying), len(parts.leaving)),
            placement.size_of(parts.left.values()),
        )

    def _bring(self, networks: Sequence[nn.Module], tensors: Iterable[Tensor]) -> None:
        missing = [tensor for tensor in tensors if not placement.is_placed(tensor)]
        if not missing:
            return
        began = time.monotonic()
        for tensor in missing:
            placement.place(tensor, self.memory)
        took = time.monotonic() - began
        self.counters.loads += 1
        self.counters.load_seconds += took
        size = placement.size_of(missing)
        told = _names(networks), self.memory.device, size, took
        log.info("brought %s to the device: device=%s bytes=%d seconds=%.3f", *told)

    def _stream(self, layers: Iterable[nn.Module], largest: int | None) -> None:
        stream = self.memory.stream(largest) if largest else None
        for layer in layers:
            if isinstance(layer, CastsAtUse):
                layer.stream = stream


def _names(networks: Iterable[nn.Module]) -> str:
    return ", ".join(type(network).__name__ for network in networks)
