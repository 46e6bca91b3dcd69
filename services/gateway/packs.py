"""What the gateway knows of the node packs of all executors, asked anew every moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from services.queue.client import QueueClient
from services.queue.packs import ON_PROMPT
from services.queue.records import Executor

#: Seconds for which the queue is not asked again.
FRESH = 0.5


@dataclass(frozen=True)
class KnownPacks:
    """The packs of the executors that are connected."""

    executors: Sequence[Executor]

    def has_extension(self, name: str) -> bool:
        """Whether a pack that is loaded has scripts under this name; while no executor is there, any may be."""
        return not self.executors or any(name in executor.packs.extensions for executor in self.executors)

    def answer(self, method: str, path: str) -> bool:
        """Whether a handler may answer such a request."""
        return any(executor.packs.answers(method, path) for executor in self.executors)

    @property
    def change_prompts(self) -> bool:
        """Whether a pack wants to see prompts before they are submitted."""
        return self.answer("POST", ON_PROMPT)


class PackCache:
    """What is known; one question to the queue serves all that ask meanwhile."""

    def __init__(self, queue: QueueClient) -> None:
        self._queue = queue
        self._known = KnownPacks(())
        self._fresh_until = 0.0
        self._asking = asyncio.Lock()

    async def get(self) -> KnownPacks:
        """The packs of now, or of a moment ago.

        Raises:
            Unavailable: the queue cannot be reached.
        """
        async with self._asking:
            if time.monotonic() >= self._fresh_until:
                self._known = KnownPacks(await self._queue.executors())
                self._fresh_until = time.monotonic() + FRESH
            return self._known
