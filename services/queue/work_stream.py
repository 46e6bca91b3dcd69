"""The queue's end of the Work streams: what executors say, and what follows from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial

from services.errors import InvalidArgument, ServiceError
from services.graph.events import Terminal, is_durable
from services.queue import life as lives
from services.queue.catalogue import CatalogueKeeper
from services.queue.clock import Clock
from services.queue.events import EventHub
from services.queue.fleet import Fleet, Session
from services.queue.leases import Leases
from services.queue.life import Life
from services.queue.log_keeping import LogKeeper
from services.queue.logs import LogLines
from services.queue.pack_calls import PackCalls
from services.queue.packs import PackMessage, PackReport, PackResponse
from services.queue.questions import Questions
from services.queue.records import Event, Lease, PromptState
from services.queue.scheduler import Scheduler
from services.queue.stores.base import QueueStore
from services.queue.work import (
    CataloguePublication,
    EventBatch,
    ExecutorMessage,
    Heartbeat,
    Hello,
    Interruption,
    LeaseLost,
    LeaseRelease,
    PreviewDemand,
    QueueMessage,
    ValidationAnswer,
    Welcome,
)

log = logging.getLogger(__name__)

_NOT_YOURS = "the lease has ended"
_CAME_WITHOUT = "the executor came back without it"


class WorkStreams:
    """Serves the streams; see `WorkerService.Work` in the protos for the rules."""

    def __init__(
        self,
        *,
        store: QueueStore,
        fleet: Fleet,
        leases: Leases,
        scheduler: Scheduler,
        hub: EventHub,
        catalogue: CatalogueKeeper,
        questions: Questions,
        pack_calls: PackCalls,
        logs: LogKeeper,
        clock: Clock,
        max_attempts: int,
        max_worker_losses: int,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._leases = leases
        self._scheduler = scheduler
        self._hub = hub
        self._catalogue = catalogue
        self._questions = questions
        self._pack_calls = pack_calls
        self._logs = logs
        self._clock = clock
        self._max_attempts = max_attempts
        #: 0 for as many as attempts
        self._max_worker_losses = max_worker_losses

    async def serve(self, messages: AsyncIterator[ExecutorMessage]) -> AsyncGenerator[QueueMessage, None]:
        """One stream, from `Hello` until one end leaves."""
        hello = await anext(messages, None)
        if hello is None:
            return
        if not isinstance(hello, Hello):
            raise InvalidArgument(f"the first message must be Hello, not {type(hello).__name__}")
        if not hello.executor_id:
            raise InvalidArgument("Hello has no executor id")
        session = Session(hello, self._clock)
        self._fleet.join(session)
        log.info("executor %s on %s joined", hello.executor_id, hello.host)
        listening = asyncio.create_task(self._listen(session, hello, messages))
        try:
            async for message in session.messages():
                yield message
        finally:
            listening.cancel()
            self._fleet.leave(session)
            self._questions.left(session)
            self._pack_calls.left(session)
            log.info("executor %s left", hello.executor_id)

    async def _listen(self, session: Session, hello: Hello, messages: AsyncIterator[ExecutorMessage]) -> None:
        """Take what the executor says, in order, until it has no more to say; then the session ends."""
        error: ServiceError | None = None
        try:
            await self._welcome(session, hello)
            async for message in messages:
                await self._take(session, message)
        except ServiceError as raised:
            error = raised
        except Exception:
            log.exception("the stream of executor %s failed", session.executor_id)
            error = ServiceError("internal error, see the log of the queue")
        finally:
            session.end(error)

    async def _welcome(self, session: Session, hello: Hello) -> None:
        known = self._catalogue.has(hello.catalogue_digest)
        session.send(Welcome(bool(hello.catalogue_digest) and not known, self._leases.duration))
        if not hello.standby:
            await self._reconcile(session, hello.held_leases)
        if known:
            await self._catalogue.refer(hello.catalogue_digest, self._digests())
            session.has_loaded()
        self._scheduler.dispatch()

    async def _reconcile(self, session: Session, held: tuple[Lease, ...]) -> None:
        """Renew what the executor still holds; what it does not know of any more is lost at once."""
        for life in await self._held_by(session.executor_id):
            assert life.lease is not None
            if life.lease not in held:
                await self._lose(LeaseRelease(life.lease, _CAME_WITHOUT, _counts(life)), worker_lost=False)
            elif life.interrupt_requested:
                session.send(Interruption(life.lease))
        await self._renew(session, held)

    async def _held_by(self, executor_id: str) -> list[Life]:
        """What an executor runs, in truth: another replica may have assigned it something a moment ago."""
        if not self._store.is_shared:
            return self._leases.of_executor(executor_id)
        running = await self._store.lives(PromptState.RUNNING)
        return [life for life in running if life.executor_id == executor_id]

    async def _beat(self, session: Session, heartbeat: Heartbeat) -> None:
        comes_home = session.is_standby and not heartbeat.standby
        self._fleet.beat(session, heartbeat)
        if comes_home:
            log.info("executor %s has its home here now", session.executor_id)
            await self._reconcile(session, heartbeat.leases)
            for lease in heartbeat.leases:
                session.send(PreviewDemand(lease, self._hub.wants_previews(lease.prompt_id)))
        else:
            await self._renew(session, heartbeat.leases)
        self._scheduler.dispatch()

    async def _take(self, session: Session, message: ExecutorMessage) -> None:
        match message:
            case EventBatch():
                await self._record(session, message)
            case Heartbeat():
                await self._beat(session, message)
            case LeaseRelease():
                await self._release(session, message)
            case CataloguePublication(digest, definitions_json):
                session.catalogue_digest = digest
                await self._catalogue.publish(digest, definitions_json, self._digests())
                session.has_loaded()
                self._scheduler.dispatch()
            case ValidationAnswer():
                self._questions.answered(session, message)
            case PackReport():
                session.packs = message
            case PackResponse():
                self._pack_calls.answered(session, message)
            case PackMessage():
                self._hub.publish([_of_no_prompt(message, self._clock.now())])
            case LogLines():
                self._logs.wrote(session.executor_id, message)
            case Hello():
                raise InvalidArgument("Hello may only be the first message")

    async def _record(self, session: Session, batch: EventBatch) -> None:
        lease = batch.lease
        running = self._leases.holder(lease)
        if running is not None and not any(is_durable(timed.event) for timed in batch.events):
            self._hub.publish(_fleeting(running, batch))
            return
        transition = partial(
            lives.record,
            token=lease.token,
            events=batch.events,
            durable_before=batch.durable_before,
            now=self._clock.now(),
        )
        recording = asyncio.ensure_future(self._store.apply(lease.prompt_id, transition))
        if running is not None and isinstance(batch.events[-1].event, Terminal):
            self._scheduler.room_comes(session)
        if await recording is None:
            session.send(LeaseLost(lease, _NOT_YOURS))

    async def _renew(self, session: Session, held: tuple[Lease, ...]) -> None:
        until = self._leases.until()
        renewals = [
            self._store.apply(lease.prompt_id, partial(lives.renew, token=lease.token, lease_until=until))
            for lease in held
        ]
        for lease, step in zip(held, await asyncio.gather(*renewals), strict=True):
            if step is None:
                session.send(LeaseLost(lease, _NOT_YOURS))

    async def _release(self, session: Session, release: LeaseRelease) -> None:
        session.released()
        if not await self._lose(release, worker_lost=release.counts_as_attempt):
            session.send(LeaseLost(release.lease, _NOT_YOURS))

    async def _lose(self, lost: LeaseRelease, *, worker_lost: bool) -> bool:
        transition = partial(
            lives.lose,
            token=lost.lease.token,
            reason=lost.reason,
            counts=lost.counts_as_attempt,
            max_attempts=self._max_attempts,
            worker_lost=worker_lost,
            max_workers_lost=self._max_worker_losses or None,
            now=self._clock.now(),
            node_id=lost.node_id,
            node_type=lost.node_type,
        )
        return await self._store.apply(lost.lease.prompt_id, transition) is not None

    def _digests(self) -> set[str]:
        return {session.catalogue_digest for session in self._fleet.sessions()}


def _counts(life: Life) -> bool:
    """Whether an attempt of which its executor knows nothing counts.

    One that never began was most likely lost on the way, with the connection. Two in a row may be a prompt that ends
    executors as soon as they see it.
    """
    return life.has_begun or [attempt.outcome for attempt in life.attempts[-2:-1]] == [_CAME_WITHOUT]


def _of_no_prompt(message: PackMessage, now: float) -> Event:
    return Event(prompt_id="", sequence=0, happened_at=now, client_id=message.client_id, body=message)


def _fleeting(life: Life, batch: EventBatch) -> list[Event]:
    """Events that are not kept: they carry the number of the durable event before them."""
    return [
        Event(
            prompt_id=life.prompt_id,
            sequence=life.sequence,
            happened_at=timed.happened_at,
            client_id=life.client_id,
            body=timed.event,
        )
        for timed in batch.events
    ]
