"""Taking prompts back and interrupting them: exactly those that are named, and with an answer when they have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from functools import partial

from services.errors import NotFound
from services.queue import life as lives
from services.queue.clock import Clock
from services.queue.fleet import Fleet
from services.queue.life import Life, Step, Transition
from services.queue.records import Interrupted, PromptIds, PromptState
from services.queue.stores.base import QueueStore
from services.queue.watching import Watching
from services.queue.work import Interruption

#: Seconds that a caller may wait for prompts to end, well below what a call may take.
MAX_WAIT = 30.0


class Stopping:
    """What `Queue.cancel`, `interrupt` and `stop` do.

    Every request goes through the prompt's own life, and down to an executor under the lease of that moment: it finds
    the run that was meant, or none.
    """

    def __init__(self, store: QueueStore, fleet: Fleet, watching: Watching, clock: Clock) -> None:
        self._store = store
        self._fleet = fleet
        self._watching = watching
        self._clock = clock

    async def cancel(self, prompt_ids: Collection[str] | None, user: str | None) -> PromptIds:
        """See `services.queue.prompts.Queue.cancel`."""
        if prompt_ids is None:
            prompt_ids = await self._in_state(PromptState.PENDING)
        cancelled = await self._apply(prompt_ids, partial(lives.cancel, now=self._clock.now()), user)
        return [life.prompt_id for life in cancelled]

    async def interrupt(self, prompt_ids: Collection[str] | None, wait: float, user: str | None) -> Interrupted:
        """See `services.queue.prompts.Queue.interrupt`."""
        if prompt_ids is None:
            prompt_ids = await self._in_state(PromptState.RUNNING)
        running = await self._apply(prompt_ids, lives.request_interrupt, user)
        for life in running:
            await self._tell(life)
        return Interrupted([life.prompt_id for life in running], await self._ended(running, min(wait, MAX_WAIT)))

    async def stop(self, prompt_ids: Collection[str], user: str | None) -> PromptIds:
        """See `services.queue.prompts.Queue.stop`."""
        owned = set(prompt_ids) if user is None else set(await self._store.owned(prompt_ids, user))
        for prompt_id in prompt_ids:
            if prompt_id not in owned or await self._store.receipt(prompt_id) is None:
                raise NotFound(f"there is no prompt {prompt_id}")
        stopped = await self._apply(prompt_ids, partial(lives.stop, now=self._clock.now()), user)
        for life in stopped:
            if life.state is PromptState.RUNNING:
                await self._tell(life)
        return [life.prompt_id for life in stopped]

    async def _in_state(self, state: PromptState) -> PromptIds:
        return [life.prompt_id for life in await self._store.lives(state)]

    async def _apply(self, prompt_ids: Collection[str], transition: Transition, user: str | None) -> list[Life]:
        """The lives of those that it changed, each once; those of others are left alone."""

        def own(life: Life) -> Step | None:
            return transition(life) if user in (None, life.user_id) else None

        chosen = dict.fromkeys(prompt_ids)
        steps = await asyncio.gather(*(self._store.apply(prompt_id, own) for prompt_id in chosen))
        return [step.life for step in steps if step is not None]

    async def _tell(self, life: Life) -> None:
        """Have an executor stop a run; end it here when there is nobody to tell."""
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

    async def _ended(self, running: Sequence[Life], wait: float) -> PromptIds:
        """Those of the prompts that have ended, however they did, before so many seconds are over."""
        if wait <= 0 or not running:
            return []
        ends = {asyncio.create_task(self._watch(life)): life.prompt_id for life in running}
        try:
            done, _ = await asyncio.wait(ends, timeout=wait)
            return [prompt_id for end, prompt_id in ends.items() if end in done and end.exception() is None]
        finally:
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)

    async def _watch(self, life: Life) -> None:
        try:
            async for _ in self._watching.one(life.prompt_id, life.sequence, previews=False):
                pass
        except NotFound:  # it has been forgotten since
            return
