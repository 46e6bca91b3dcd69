"""One storage in memory with several stores on it, as replicas of the queue have them on one database."""

from __future__ import annotations

from services.errors import Unavailable
from services.queue.life import Step, Transition
from services.queue.stores.base import ANY, Backlog, Choice, Claim
from services.queue.stores.memory import MemoryStore


class SharedMemory(MemoryStore):
    """A store on the storage of those that were there before; each wakes the others."""

    is_shared = True

    def __init__(self, others: list[SharedMemory]) -> None:
        super().__init__()
        self._others = others
        #: whether the storage cannot be reached from here
        self.is_down = False
        #: whether the others are told of what is committed here
        self.wakes = True
        if others:
            self._prompts, self._positions, self._numbers = others[0]._prompts, others[0]._positions, others[0]._numbers
            self._requirements = others[0]._requirements
            self._virtual_times, self._finishes = others[0]._virtual_times, others[0]._finishes
        others.append(self)

    async def waiting(self) -> Backlog:
        self._reach()
        return await super().waiting()

    async def claim(self, assign: Transition, choice: Choice = ANY) -> Claim | None:
        self._reach()
        return await super().claim(assign, choice)

    async def apply(self, prompt_id: str, transition: Transition) -> Step | None:
        self._reach()
        return await super().apply(prompt_id, transition)

    async def catalogue(self) -> tuple[str, bytes] | None:
        return self._others[0]._catalogue

    async def save_catalogue(self, digest: str, definitions_json: bytes) -> None:
        self._others[0]._catalogue = digest, definitions_json
        self._wake_others()

    def _tell(self, step: Step) -> None:
        super()._tell(step)
        self._wake_others()

    def _reach(self) -> None:
        if self.is_down:
            raise Unavailable("the storage cannot be reached")

    def _wake_others(self) -> None:
        for other in self._others:
            if other is not self and self.wakes:
                other._wake()
