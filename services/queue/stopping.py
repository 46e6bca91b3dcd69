"""Ending prompts that others want ended: taken back while they wait, interrupted while they run."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from functools import partial

from services.errors import NotFound
from services.queue import life as lives
from services.queue.clock import Clock
from services.queue.fleet import Fleet
from services.queue.life import Life, Step, Transition
from services.queue.records import PromptIds, PromptState
from services.queue.stores.base import QueueStore
from services.queue.work import Interruption


class Stopping:
    """What `Queue.cancel`, `interrupt` and `stop` do."""

    def __init__(self, store: QueueStore, fleet: Fleet, clock: Clock) -> None:
        self._store = store
        self._fleet = fleet
        self._clock = clock

    async def cancel(self, prompt_ids: Collection[str] | None) -> PromptIds:
        """See `Queue.cancel`."""
        if prompt_ids is None:
            prompt_ids = [life.prompt_id for life in await self._store.lives(PromptState.PENDING)]
        steps = await self._apply(prompt_ids, partial(lives.cancel, now=self._clock.now()))
        return [step.life.prompt_id for step in steps]

    async def interrupt(self, prompt_ids: Collection[str] | None) -> PromptIds:
        """See `Queue.interrupt`."""
        if prompt_ids is None:
            prompt_ids = [life.prompt_id for life in await self._store.lives(PromptState.RUNNING)]
        return await self._end(prompt_ids, lives.request_interrupt)

    async def stop(self, prompt_ids: Collection[str]) -> PromptIds:
        """See `Queue.stop`."""
        for prompt_id in prompt_ids:
            if await self._store.receipt(prompt_id) is None:
                raise NotFound(f"there is no prompt {prompt_id}")
        return await self._end(prompt_ids, partial(lives.stop, now=self._clock.now()))

    async def _end(self, prompt_ids: Collection[str], transition: Transition) -> PromptIds:
        """Apply a transition, and tell the executors of those that run on; the ids of those that it changed."""
        steps = await self._apply(prompt_ids, transition)
        for step in steps:
            if step.life.state is PromptState.RUNNING:
                await self._interrupt(step.life)
        return [step.life.prompt_id for step in steps]

    async def _apply(self, prompt_ids: Collection[str], transition: Transition) -> list[Step]:
        chosen = dict.fromkeys(prompt_ids)
        steps = await asyncio.gather(*(self._store.apply(prompt_id, transition) for prompt_id in chosen))
        return [step for step in steps if step is not None]

    async def _interrupt(self, life: Life) -> None:
        lease = life.lease
        assert lease is not None
        session = self._fleet.get(life.executor_id)
        if session is not None:
            session.send(Interruption(lease))
            return
        if self._store.is_shared:
            return  # it may be connected to another replica, which finds the request in the store
        reason = "its executor is not connected"
        interrupt = partial(lives.interrupt, token=lease.token, reason=reason, now=self._clock.now())
        await self._store.apply(life.prompt_id, interrupt)
