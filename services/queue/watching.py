"""Watching: what happened before, joined without a gap to what happens from now on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from services.errors import NotFound
from services.queue.events import EventHub
from services.queue.records import Batch, Event, PromptState
from services.queue.stores.base import QueueStore
from services.queue.watcher import portions


class Watching:
    """What `Queue.watch` does: listen first, read what the store has then, and leave out what comes twice."""

    def __init__(self, store: QueueStore, hub: EventHub, notices: Callable[[], list[Event]]) -> None:
        self._store = store
        self._hub = hub
        #: what those who watch all prompts are told at first
        self._notices = notices

    async def one(
        self, prompt_id: str, after_sequence: int, *, previews: bool, user: str | None = None
    ) -> AsyncGenerator[Batch, None]:
        """Of one prompt, until its terminal event."""
        if user is not None and not await self._store.owned([prompt_id], user):
            raise NotFound(f"there is no prompt {prompt_id}")
        with self._hub.watch(prompt_id, previews=previews) as watcher:
            latest = self._hub.latest(prompt_id, previews=previews)
            known = await self._store.events(prompt_id, after_sequence)
            if known is None:
                raise NotFound(f"there is no prompt {prompt_id}")
            state, durable = known
            for batch in portions(_in_order(durable, latest)):
                yield batch
            if state.is_terminal:
                return
            seen = max((event.sequence for event in durable), default=after_sequence)
            watcher.sequence = max(watcher.sequence, seen)
            async with aclosing(self._gapless(watcher.batches(), prompt_id, seen)) as following:
                async for batch in following:
                    yield batch
                    if batch[-1].is_terminal:
                        return

    async def all(self, *, previews: bool) -> AsyncGenerator[Batch, None]:
        """Of all prompts, beginning with those that run."""
        with self._hub.watch(None, previews=previews) as watcher:
            latest = {id_: self._hub.latest(id_, previews=previews) for id_ in self._hub.running()}
            past = self._notices()
            seen: dict[str, int] = {}
            for life in await self._store.lives(PromptState.RUNNING):
                known = await self._store.events(life.prompt_id, 0)
                if known is not None:
                    _, durable = known
                    seen[life.prompt_id] = durable[-1].sequence
                    past += _in_order(durable, latest.get(life.prompt_id, []))
            for batch in portions(past):
                yield batch
            async with aclosing(_unseen(watcher.batches(), seen)) as batches:
                async for batch in batches:
                    yield batch

    async def _gapless(self, batches: AsyncIterator[Batch], prompt_id: str, seen: int) -> AsyncGenerator[Batch, None]:
        """Leave out what was seen, and read from the store what is missing: another replica committed it."""
        async for batch in batches:
            unseen, last, is_whole = _after(batch, seen)
            if is_whole:
                seen = last
                if unseen:
                    yield unseen
                continue
            known = await self._store.events(prompt_id, seen)
            if known is None:
                raise NotFound(f"there is no prompt {prompt_id}")
            _, durable = known
            seen = durable[-1].sequence
            for portion in portions(_in_order(durable, [event for event in unseen if not event.is_durable])):
                yield portion


def _after(batch: Batch, seen: int) -> tuple[Batch, int, bool]:
    """What follows a sequence number, the number of its last durable event, and whether none is missing in between."""
    unseen, is_whole = [], True
    for event in batch:
        if event.is_durable:
            if event.sequence <= seen:
                continue
            is_whole = is_whole and event.sequence == seen + 1
            seen = event.sequence
        unseen.append(event)
    return unseen, seen, is_whole


def _in_order(durable: list[Event], latest: list[Event]) -> list[Event]:
    """Fleeting events carry the number of the durable one before them, so they come right after it."""
    return sorted([*durable, *latest], key=lambda event: (event.sequence, not event.is_durable))


async def _unseen(batches: AsyncIterator[Batch], seen: dict[str, int]) -> AsyncGenerator[Batch, None]:
    """Leave out durable events up to the number that was seen of their prompt."""
    async for batch in batches:
        unseen = [event for event in batch if not _was_seen(event, seen)]
        if unseen:
            yield unseen


def _was_seen(event: Event, seen: dict[str, int]) -> bool:
    return event.is_durable and event.sequence <= seen.get(event.prompt_id, 0)
