"""When prompts have no more time: their deadlines, the next one first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from typing import Any

from services.queue.clock import Clock
from services.queue.life import Deadline, Life

#: Deadlines that are no longer wanted stay in the heap until they are more than the others and than these.
MAX_STALE = 1000


class Deadlines:
    """The deadlines of open prompts, as the committed steps tell of them.

    They are on the monotonic clock from when they were first seen, so that a jump of the wall clock ends no prompt.
    Only how much was left at that moment is told by the wall clock: after a restart nothing else is known.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of_prompt: dict[str, set[Deadline]] = {}
        self._times: dict[tuple[str, Deadline], float] = {}
        self._heap: list[tuple[float, int, str, Deadline]] = []
        self._order = itertools.count()
        self._sooner = asyncio.Event()

    def see(self, life: Life) -> None:
        """Take note of a committed step."""
        if not life.run_timeout and not life.total_timeout:
            return
        prompt_id = life.prompt_id
        known, wanted = self._of_prompt.get(prompt_id, set()), life.deadlines
        for deadline in known.difference(wanted):
            self._drop(prompt_id, deadline)
        for deadline in wanted:
            if deadline not in known:
                self.set(prompt_id, deadline, self._left(deadline))
        if len(self._heap) > 2 * len(self._times) + MAX_STALE:
            self._heap = [entry for entry in self._heap if self._is_current(*entry)]
            heapq.heapify(self._heap)

    def set(self, prompt_id: str, deadline: Deadline, seconds: float) -> None:
        """Tell of a deadline in so many seconds, if it is one then."""
        at = self._times[prompt_id, deadline] = self._clock.monotonic() + seconds
        self._of_prompt.setdefault(prompt_id, set()).add(deadline)
        if not self._heap or at < self._heap[0][0]:
            self._sooner.set()
        heapq.heappush(self._heap, (at, next(self._order), prompt_id, deadline))

    async def passed(self) -> AsyncIterator[tuple[str, Deadline]]:
        """Prompts whose time is over, each once, for as long as the queue lives."""
        while True:
            await self._until_next()
            entry = heapq.heappop(self._heap)
            if self._is_current(*entry):
                _, _, prompt_id, deadline = entry
                self._drop(prompt_id, deadline)
                yield prompt_id, deadline

    async def _until_next(self) -> None:
        while not self._heap or self._heap[0][0] > self._clock.monotonic():
            self._sooner.clear()
            waits: list[asyncio.Task[Any]] = [asyncio.create_task(self._sooner.wait())]
            if self._heap:
                left = self._heap[0][0] - self._clock.monotonic()
                waits.append(asyncio.create_task(self._clock.sleep(left)))
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()

    def _left(self, deadline: Deadline) -> float:
        """Seconds; a wall clock that went back gives nobody more than the whole time."""
        left = deadline.since + deadline.seconds - self._clock.now()
        return min(max(left, 0.0), deadline.seconds)

    def _drop(self, prompt_id: str, deadline: Deadline) -> None:
        del self._times[prompt_id, deadline]
        known = self._of_prompt[prompt_id]
        known.discard(deadline)
        if not known:
            del self._of_prompt[prompt_id]

    def _is_current(self, at: float, order: int, prompt_id: str, deadline: Deadline) -> bool:
        return self._times.get((prompt_id, deadline)) == at
