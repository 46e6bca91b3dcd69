"""What other replicas of the queue do to the store that is shared with them, brought to this one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable

from services.errors import NotFound, ServiceError, Unavailable
from services.queue.catalogue import CatalogueKeeper
from services.queue.events import EventHub
from services.queue.fleet import Fleet
from services.queue.leases import Change, Leases
from services.queue.records import Lease, PromptState
from services.queue.scheduler import Scheduler
from services.queue.stores.base import QueueStore
from services.queue.work import Interruption, LeaseLost

log = logging.getLogger(__name__)

#: Seconds between looks when nobody wakes us, a quarter of a lease at most.
LONGEST_PAUSE = 1.0

#: Seconds between looks when others commit without a pause, and the part of the time that may be spent with looking.
SHORTEST_PAUSE = 0.05
SHARE = 0.1

#: Seconds without a look at the store after which executors are better served by another replica.
BLIND_AFTER = 3.0


class Neighbours:
    """Looks at the store when it tells that another replica has committed something, and now and then.

    That prompts wait, which leases are out and whether they were renewed, what happens to prompts that are watched
    here, that a prompt is to stop, the first catalogue: all of it is read from the store, so nothing depends on how
    many wake-ups arrive.
    """

    def __init__(
        self,
        store: QueueStore,
        *,
        leases: Leases,
        fleet: Fleet,
        scheduler: Scheduler,
        hub: EventHub,
        catalogue: CatalogueKeeper,
    ) -> None:
        self._store = store
        self._leases = leases
        self._fleet = fleet
        self._scheduler = scheduler
        self._hub = hub
        self._catalogue = catalogue
        self._woken = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        #: by our monotonic clock, since when the store cannot be read; None while it can
        self._blind_since: float | None = None
        self._turns_away = False

    def start(self) -> None:
        """Begin to look, if there may be anything to see."""
        if self._store.is_shared:
            self._store.listen_to_others(self._woken.set)
            self._looking = asyncio.create_task(self._keep_looking())

    async def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _keep_looking(self) -> None:
        while True:
            self._woken.clear()
            began = time.monotonic()
            try:
                await self._look()
                self._see()
            except ServiceError as error:
                self._see_nothing(error)
            except Exception:  # whatever it was, it is looked again
                log.exception("what other replicas did cannot be read")
            await asyncio.sleep(min(max(SHORTEST_PAUSE, (time.monotonic() - began) / SHARE), LONGEST_PAUSE))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(LONGEST_PAUSE, self._leases.duration / 4)):
                    await self._woken.wait()

    def _see(self) -> None:
        self._blind_since = None
        if self._turns_away:
            log.info("the storage can be reached again")
            self._turns_away = False
            self._leases.begin_anew()
            self._fleet.let_in()

    def _see_nothing(self, error: ServiceError) -> None:
        """Let executors go where the store can be reached, should that last."""
        now = time.monotonic()
        if self._blind_since is None:
            log.warning("what other replicas do is not seen: %s", error.message)
            self._blind_since = now
        elif not self._turns_away and now - self._blind_since > BLIND_AFTER:
            log.warning("executors are turned away as long as the storage cannot be reached")
            self._turns_away = True
            self._fleet.turn_away(Unavailable("the storage of this replica of the queue cannot be reached"))

    async def _look(self) -> None:
        await self._scheduler.refresh()
        self._leases.begin_reading()
        self._take_note(self._leases.end_reading(await self._store.lives(PromptState.RUNNING)))
        await self._tell_watchers()
        if not self._catalogue.is_known:
            await self._catalogue.start()

    def _take_note(self, changes: Iterable[Change]) -> None:
        for before, now in ((change.before, change.now) for change in changes):
            if before is not None and (now is None or now.sequence != before.sequence):
                self._hub.forget(before.prompt_id)
            if before is not None and before.lease is not None and (now is None or now.lease != before.lease):
                self._take_away(before.executor_id, before.lease)
            if now is not None and now.interrupt_requested and not (before and before.interrupt_requested):
                session = self._fleet.get(now.executor_id)
                if session is not None and now.lease is not None:
                    session.send(Interruption(now.lease))

    def _take_away(self, executor_id: str | None, lease: Lease) -> None:
        """Tell an executor at once that another replica ended its lease; it would hear of it when it renews."""
        session = self._fleet.get(executor_id)
        if session is not None and not session.is_standby:
            session.send(LeaseLost(lease, "another replica of the queue ended it"))

    async def _tell_watchers(self) -> None:
        watched = self._hub.watched()
        if not watched:
            return
        news = await self._store.news(watched)
        for prompt_id in watched:
            if prompt_id in news:
                self._hub.catch_up(prompt_id, news[prompt_id])
            else:
                self._hub.end(prompt_id, NotFound(f"there is no prompt {prompt_id}"))
