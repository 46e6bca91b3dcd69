"""What the gateway knows of the node packs of all executors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.gateway.momentary import Momentary
from services.queue.client import QueueClient
from services.queue.packs import ON_PROMPT
from services.queue.records import Executor


@dataclass(frozen=True)
class KnownPacks:
    """The packs of the executors that are connected."""

    executors: Sequence[Executor]

    def has_extension(self, name: str) -> bool:
        """Whether a pack that is loaded has scripts under this name; while no executor is there, any may be."""
        return not self.executors or any(name in executor.packs.extensions for executor in self.executors)

    def has_pack(self, name: str) -> bool:
        """Whether a pack is loaded somewhere; while no executor is there, any may be."""
        packs = (pack for executor in self.executors for pack in executor.packs.packs)
        return not self.executors or any(pack.name == name and not pack.error for pack in packs)

    def answer(self, method: str, path: str) -> bool:
        """Whether a handler may answer such a request."""
        return any(executor.packs.answers(method, path) for executor in self.executors)

    @property
    def change_prompts(self) -> bool:
        """Whether a pack wants to see prompts before they are submitted."""
        return self.answer("POST", ON_PROMPT)


def packs_of(queue: QueueClient) -> Momentary[KnownPacks]:
    """The packs of now; asking raises `Unavailable` while the queue cannot be reached."""

    async def ask(known: KnownPacks | None) -> KnownPacks:
        return KnownPacks(await queue.executors())

    return Momentary(ask)
