"""How much of the history is kept: by number and by age, swept up in small portions between other work."""

from __future__ import annotations

import asyncio
import logging
import math

import msgspec

from services.errors import ServiceError
from services.queue.clock import Clock
from services.queue.metrics.history import HistoryMetrics
from services.queue.records import Forgotten, PromptIds, PromptState
from services.queue.stores.base import QueueStore

log = logging.getLogger(__name__)

#: Prompts, and deliveries, that are deleted in one transaction: a few milliseconds' worth.
PORTION = 25

#: Seconds between two portions, so that sweeping takes a small share of what the disk can do.
PAUSE = 0.02

#: Seconds between two sweeps.
INTERVAL = 30.0

DAY = 86400.0

#: Days for which messages to webhooks are kept, after they were delivered or given up.
DELIVERED_DAYS = 3
DEAD_DAYS = 30

#: Ids that are told of those that were forgotten; of a million prompts they would not fit into an answer.
MAX_IDS = 10_000


_FINISHED = frozenset(state for state in PromptState if state.is_terminal)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept at most; 0 for no limit."""

    #: finished prompts
    prompts: int = 0
    #: days since a prompt finished
    days: float = 0.0


class Retention:
    """Forgets finished prompts that are more, or older, than is wanted."""

    def __init__(self, store: QueueStore, clock: Clock, limits: Limits, metrics: HistoryMetrics) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits
        self._metrics = metrics
        self._forgetting: set[asyncio.Task[Forgotten]] = set()

    async def run(self) -> None:
        """Sweep now and then, for as long as the queue lives."""
        while True:
            try:
                swept = await self.sweep()
                if swept:
                    self._metrics.swept(swept)
                    log.info("forgot %d finished prompts that were beyond the limits", swept)
            except ServiceError as error:
                log.error("the history cannot be swept: %s", error)
            except Exception:
                log.exception("the history cannot be swept")
            await self._clock.sleep(INTERVAL)

    async def sweep(self) -> int:
        """Bring the history within its limits; how many prompts were forgotten."""
        now = self._clock.now()
        swept = 0
        if self._limits.days:
            swept += (await self.forget_before(now - self._limits.days * DAY, pause=PAUSE)).count
        while self._limits.prompts:
            portion = len(await self._store.forget_oldest(limit=PORTION, beyond=self._limits.prompts))
            swept += portion
            if portion < PORTION:
                break
            await self._clock.sleep(PAUSE)
        await self._sweep_outbox(now)
        return swept

    async def forget(self, before: float | None, user: str | None = None) -> Forgotten:
        """Forget what finished before a time, None for all that has by now; it goes on when the caller leaves."""
        forgetting = asyncio.create_task(self._forget(before, user))
        self._forgetting.add(forgetting)
        forgetting.add_done_callback(self._forgetting.discard)
        return await asyncio.shield(forgetting)

    async def forget_before(self, moment: float, *, pause: float = 0.0) -> Forgotten:
        """Forget what finished before a time."""
        portions = _Portions()
        while portions.take(await self._store.forget_oldest(limit=PORTION, before=moment)) == PORTION:
            await self._rest(pause)
        return portions.forgotten

    async def _forget(self, before: float | None, user: str | None) -> Forgotten:
        if user is not None:
            return await self._forget_of_user(before, user)
        return await (self.forget_before(before) if before is not None else self._forget_all())

    async def _forget_of_user(self, before: float | None, user: str) -> Forgotten:
        moment = math.nextafter(self._clock.now(), math.inf) if before is None else before
        portions = _Portions()
        while True:
            keys = await self._store.keys(_FINISHED, limit=PORTION, offset=0, from_end=False, user=user)
            old = [key.prompt_id for key in keys if key.finished_at is not None and key.finished_at < moment]
            if not old or not portions.take(await self._store.forget(old)):
                return portions.forgotten
            await self._rest(0.0)

    async def _forget_all(self) -> Forgotten:
        """Forget as many prompts as have finished now, those that did so first."""
        counts = await self._store.counts()
        left = sum(count for state, count in counts.items() if state.is_terminal)
        portions = _Portions()
        while left and (taken := portions.take(await self._store.forget_oldest(limit=min(PORTION, left)))):
            left -= taken
            await self._rest(0.0)
        return portions.forgotten

    async def _sweep_outbox(self, now: float) -> None:
        delivered, dead = now - DELIVERED_DAYS * DAY, now - DEAD_DAYS * DAY
        outbox = self._store.outbox
        while await outbox.forget_settled(delivered_before=delivered, dead_before=dead, limit=PORTION) == PORTION:
            await self._clock.sleep(PAUSE)

    async def _rest(self, pause: float) -> None:
        """Let others have a turn."""
        await (self._clock.sleep(pause) if pause else asyncio.sleep(0))


class _Portions:
    """Adds up what was forgotten."""

    def __init__(self) -> None:
        self._count = 0
        self._first: PromptIds = []

    def take(self, portion: PromptIds) -> int:
        """Add a portion; how many prompts it has."""
        self._count += len(portion)
        self._first += portion[: MAX_IDS - len(self._first)]
        return len(portion)

    @property
    def forgotten(self) -> Forgotten:
        return Forgotten(self._count, self._first)
