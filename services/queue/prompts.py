"""The queue: the one authority on a prompt's life."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Collection

from prometheus_client import CollectorRegistry

from services.errors import ResourceExhausted, Unavailable
from services.graph.errors import PromptRejected
from services.queue import journal
from services.queue.admission import Admission
from services.queue.catalogue import FIRST_CATALOGUE_TIMEOUT, CatalogueKeeper
from services.queue.clock import Clock, SystemClock
from services.queue.events import EventHub
from services.queue.expiry import Expiry
from services.queue.fleet import Fleet
from services.queue.leases import Leases
from services.queue.life import Step
from services.queue.log_keeping import LogKeeper
from services.queue.metrics.collector import Reading
from services.queue.metrics.history import HistoryMetrics
from services.queue.metrics.lives import LifeMetrics
from services.queue.metrics.webhooks import WebhookMetrics
from services.queue.neighbours import Neighbours
from services.queue.pace import Pace
from services.queue.pack_calls import PackCalls
from services.queue.packs import HttpRequest, HttpResponsePart
from services.queue.placements import Placements
from services.queue.questions import ANSWER_TIMEOUT, Questions
from services.queue.quotas import ANY_NUMBER, QueueLimits, Quotas
from services.queue.records import (
    Accepted,
    Batch,
    Executors,
    Forgotten,
    Interrupted,
    Lines,
    Prompt,
    PromptIds,
    PromptState,
    Submission,
)
from services.queue.retention import Limits, Retention
from services.queue.scheduler import Scheduler
from services.queue.stopping import Stopping
from services.queue.stored_prompts import StoredPrompts
from services.queue.stores.base import QueueStore
from services.queue.submissions import Submissions
from services.queue.time_keeping import TimeKeeper
from services.queue.time_limits import ANY_TIME, TimeLimits
from services.queue.watching import Watching
from services.queue.webhooks.records import Deliveries, Delivery, DeliverySearch
from services.queue.webhooks.webhooks import WebhookRules, Webhooks
from services.queue.work import ExecutorMessage, MemoryRelease, QueueMessage
from services.queue.work_stream import WorkStreams
from services.tracing import Traces

log = logging.getLogger(__name__)


class Queue(StoredPrompts):
    """Takes prompts, has executors run them, and tells what became of them.

    `start` before use, `close` afterwards; the store is closed by whoever opened it.
    """

    def __init__(
        self,
        store: QueueStore,
        *,
        lease_seconds: float = 30.0,
        max_attempts: int = 3,
        max_worker_losses: int = 0,
        clock: Clock | None = None,
        time_limits: TimeLimits = ANY_TIME,
        limits: QueueLimits = ANY_NUMBER,
        catalogue_timeout: float = FIRST_CATALOGUE_TIMEOUT,
        answer_timeout: float = ANSWER_TIMEOUT,
        history: Limits | None = None,
        webhooks: WebhookRules | None = None,
        registry: CollectorRegistry | None = None,
        traces: Traces | None = None,
    ) -> None:
        super().__init__(store)
        self._clock = clock or SystemClock()
        registry = registry or CollectorRegistry()
        self._metrics = LifeMetrics(registry)
        self._leases = Leases(self._clock, lease_seconds)
        self._fleet = Fleet(self._leases, self._clock)
        self._expiry = Expiry(store, self._leases, self._clock, self._metrics, max_attempts)
        self._hub = EventHub(self._previews_demanded)
        self._catalogue = CatalogueKeeper(store, catalogue_timeout)
        self._times = TimeKeeper(store, self._fleet, self._hub, self._clock)
        self._placements = Placements(store, self._catalogue)
        #: what users may have
        self.quotas = Quotas(store, self._clock, limits, lambda: self._scheduler.dispatch())
        self._scheduler = Scheduler(
            store=store,
            fleet=self._fleet,
            leases=self._leases,
            placements=self._placements,
            quotas=self.quotas,
            hub=self._hub,
            clock=self._clock,
            traces=traces,
        )
        self._admission = Admission(self._scheduler.backlog, self.quotas, Pace(self._clock))
        self._questions = Questions(self._fleet, self._catalogue, answer_timeout)
        self._retention = Retention(store, self._clock, history or Limits(), HistoryMetrics(registry))
        self._webhooks = Webhooks(store.outbox, self._clock, webhooks or WebhookRules(), WebhookMetrics(registry))
        self._submissions = Submissions(
            store=store,
            catalogue=self._catalogue,
            questions=self._questions,
            fleet=self._fleet,
            placements=self._placements,
            scheduler=self._scheduler,
            clock=self._clock,
            time_limits=time_limits,
            quotas=self.quotas,
            admission=self._admission,
            webhooks=self._webhooks.rules,
        )
        self._logs = LogKeeper(self._hub, self._clock)
        self._watching = Watching(store, self._hub, self._logs.notices)
        self._stopping = Stopping(store, self._fleet, self._watching, self._clock)
        self._pack_calls = PackCalls(self._fleet)
        self._streams = WorkStreams(
            store=store,
            fleet=self._fleet,
            leases=self._leases,
            scheduler=self._scheduler,
            hub=self._hub,
            catalogue=self._catalogue,
            questions=self._questions,
            pack_calls=self._pack_calls,
            logs=self._logs,
            clock=self._clock,
            max_attempts=max_attempts,
            max_worker_losses=max_worker_losses,
        )
        self._neighbours = Neighbours(
            store,
            leases=self._leases,
            fleet=self._fleet,
            scheduler=self._scheduler,
            hub=self._hub,
            catalogue=self._catalogue,
        )
        self._chores: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take up what the store has: what waits, what runs and under which lease, the catalogue."""
        self._store.listen(self._committed)
        for running in await self._store.lives(PromptState.RUNNING):
            self._leases.see(running)
        await self.quotas.start()
        await self._times.start()
        await self._catalogue.start()
        await self._scheduler.start()
        self._neighbours.start()
        self._webhooks.start()
        self._chores = [asyncio.create_task(self._expiry.run()), asyncio.create_task(self._retention.run())]

    async def close(self) -> None:
        """End watches and streams; leases go on."""
        self._hub.close()
        await self._neighbours.stop()
        self._fleet.turn_away(Unavailable("the queue is shutting down"))
        await self._scheduler.stop()
        await self._times.stop()
        await self.quotas.stop()
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self._webhooks.stop()

    async def submit(self, submission: Submission) -> Accepted:
        """Check a prompt, store it and give it a place; the same one again gets the first answer again.

        Raises:
            PromptRejected: it cannot be run; says why.
            InvalidArgument: the extra data is not a JSON object, the number is not finite, it is too large, wants more
                time than is allowed, or the URL of its webhook is not to be called.
            FailedPrecondition: it comes with a webhook, and there is no secret to sign with.
            AlreadyExists: the idempotency key or the prompt id is taken by a submission that differs.
            ResourceExhausted: too many prompts wait, of the user or in all.
            Unavailable: no executor has told yet which node classes exist, or the queue is shutting down.
        """
        try:
            return await self._submissions.submit(submission)
        except (PromptRejected, ResourceExhausted) as refused:
            self._metrics.rejected(refused)
            raise

    async def find_reusable(self, submission: Submission) -> Prompt | None:
        """The prompt that a submission with `reuse` would be answered from, were it submitted now.

        Raises:
            Unavailable: no executor has told yet which node classes exist.
        """
        prompt_id = await self._submissions.find_reusable(submission)
        return await self._store.get(prompt_id) if prompt_id is not None else None

    async def cancel(self, prompt_ids: Collection[str] | None, *, user: str | None = None) -> PromptIds:
        """Take waiting prompts back, None for all; the ids of those that were waiting.

        As everywhere, prompts of others are not there with a user.
        """
        return await self._stopping.cancel(prompt_ids, user)

    async def interrupt(
        self, prompt_ids: Collection[str] | None, *, wait: float = 0.0, user: str | None = None
    ) -> Interrupted:
        """Ask the executors of running prompts to stop them, None for all.

        The answer has those that were running, and those of them that ended within `wait` seconds (30 at most).
        """
        return await self._stopping.interrupt(prompt_ids, wait, user)

    async def stop(self, prompt_ids: Collection[str], *, user: str | None = None) -> PromptIds:
        """Take waiting prompts back and have running ones interrupted; the ids of those that were either.

        Raises:
            NotFound: one of them does not exist; the others are left alone then.
        """
        return await self._stopping.stop(prompt_ids, user)

    async def forget(self, prompt_ids: Collection[str] | None, *, user: str | None = None) -> PromptIds:
        """Forget finished prompts, None for all; their ids, of more than 10,000 the first."""
        if prompt_ids is None:
            return (await self._retention.forget(None, user)).prompt_ids
        return await self._store.forget(prompt_ids if user is None else await self._store.owned(prompt_ids, user))

    async def forget_finished(self, before: float, *, user: str | None = None) -> Forgotten:
        """Forget prompts that finished before a time."""
        return await self._retention.forget(before, user)

    async def webhook_deliveries(self, search: DeliverySearch) -> Deliveries:
        """What was, or is to be, sent to webhooks, the newest first.

        Raises:
            InvalidArgument: `limit` or `offset` is negative.
        """
        return await self._webhooks.list(search)

    async def redeliver_webhook(self, delivery_id: str) -> Delivery:
        """Send a message again, whatever became of it.

        Raises:
            NotFound: there is no such delivery.
        """
        return await self._webhooks.redeliver(delivery_id)

    async def release_memory(self, *, results: bool) -> PromptIds:
        """Have executors unload models, and forget results of nodes if asked to; the ids of those that were told."""
        return self._fleet.send_to_all(MemoryRelease(results))

    async def drain_executor(self, executor_id: str, *, undo: bool = False) -> None:
        """Have an executor take no more prompts, or take some again; it goes on with what it runs.

        Raises:
            NotFound: no executor with this id is connected.
        """
        self._fleet.drain(executor_id, undo=undo)

    def watch(
        self, prompt_id: str = "", *, after_sequence: int = 0, previews: bool = False, user: str | None = None
    ) -> AsyncGenerator[Batch, None]:
        """What happens to a prompt, or to all (empty id), in batches; the first one is what happened before.

        Of one prompt, that is every durable event after `after_sequence`, and the latest progress; the iterator
        ends after the terminal event. Of all prompts, that is the same for those that run now; it never ends.
        The first batch comes at once, and is empty when there is nothing to tell.

        Raises:
            NotFound: there is no such prompt.
            ResourceExhausted: the caller reads too slowly; resume from the last sequence number it saw.
            Unavailable: the queue is shutting down.
        """
        if prompt_id:
            return self._watching.one(prompt_id, after_sequence, previews=previews, user=user)
        return self._watching.all(previews=previews)

    async def reading(self) -> Reading:
        """What a scrape shows beside what is counted."""
        return await self.depths(), await self.executors()

    async def catalogue(self, known_digest: str = "") -> tuple[str, bytes | None]:
        """The node classes that executors published: digest and JSON, without the JSON when the digest is known.

        Raises:
            Unavailable: none was published in time.
        """
        digest, definitions_json = await self._catalogue.current()
        return digest, None if digest == known_digest else definitions_json

    async def executors(self) -> Executors:
        """The executors whose streams are open."""
        return self._fleet.executors()

    async def logs(self, prompt_id: str = "") -> Lines:
        """The latest lines written while a prompt ran and about it, or all of them (empty id), oldest first."""
        return self._logs.read(prompt_id)

    async def follow_logs(self, client_id: str, *, enabled: bool) -> None:
        """Have the lines told to a client's sockets, or no longer.

        Raises:
            InvalidArgument: no client is named, or its id is too long.
        """
        self._logs.follow(client_id, enabled)

    def call_pack(self, request: HttpRequest) -> AsyncGenerator[HttpResponsePart, None]:
        """The answer of a node pack's HTTP handler: its head, then its body as it comes.

        Raises:
            NotFound: no pack of a connected executor has such a handler.
            InvalidArgument: the body is too long.
            Unavailable: the executor or its worker went away before the answer was whole.
        """
        return self._pack_calls.call(request)

    def work(self, messages: AsyncIterator[ExecutorMessage]) -> AsyncGenerator[QueueMessage, None]:
        """Serve an executor for as long as it talks; see `WorkerService.Work` for the rules."""
        return self._streams.serve(messages)

    def _committed(self, step: Step) -> None:
        self._leases.see(step.life)
        self._times.see(step.life)
        self._logs.submitted(step)
        self._hub.publish(step.events)
        self._logs.ended(step)
        self._admission.see(step)
        self._scheduler.see(step)
        self._webhooks.see(step)
        self._metrics.see(step)
        journal.enter(step)

    def _previews_demanded(self, prompt_id: str | None) -> None:
        running = self._leases.all() if prompt_id is None else [self._leases.of_prompt(prompt_id)]
        for life in filter(None, running):
            self._fleet.tell_demand(life, wanted=self._hub.wants_previews(life.prompt_id))
