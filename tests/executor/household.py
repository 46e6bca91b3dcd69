"""An executor without a worker: real links to the replicas of a queue, and the test says what happens to prompts."""

from __future__ import annotations

import asyncio
import time

from services.executor.link import Link
from services.executor.links import Links, Replicas
from services.graph.events import (
    ExecutionEvent,
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    NodesCached,
)
from services.queue.records import Assignment, Lease
from services.queue.work import (
    CataloguePublication,
    Heartbeat,
    Hello,
    Interruption,
    LeaseLost,
    QueueMessage,
    TimedEvent,
    Welcome,
)
from tests.queue.executor import DEVICE, HOST, finished, progress
from tests.queue.nodes import publication
from tests.queue.watching import PATIENCE


class Household:
    """What lives behind the links: takes what it is assigned, and does what the test says."""

    def __init__(self, executor_id: str, replicas: Replicas) -> None:
        self.links = Links(executor_id, replicas, self)
        self.assignments: asyncio.Queue[Assignment] = asyncio.Queue()
        self.interruptions: asyncio.Queue[Lease] = asyncio.Queue()
        self.held: list[Lease] = []
        self._executor_id = executor_id
        self._catalogue = publication()

    def hello(self, link: Link, *, held: set[Lease], standby: bool) -> Hello:
        return Hello(
            executor_id=self._executor_id,
            host="test",
            version="0",
            slots=1,
            catalogue_digest=self._catalogue.digest,
            devices=(DEVICE,),
            host_info=HOST,
            held_leases=() if standby else tuple({*self.held, *held}),
            standby=standby,
        )

    def heartbeat(self, *, standby: bool) -> Heartbeat:
        leases = () if standby else tuple(self.held)
        free = max(0, 1 - len(self.held))
        return Heartbeat(free_slots=free, leases=leases, devices=(DEVICE,), host_info=HOST, standby=standby)

    async def welcomed(self, link: Link, welcome: Welcome) -> None:
        if welcome.catalogue_wanted:
            link.outbox.say(CataloguePublication(self._catalogue.digest, self._catalogue.definitions_json))

    async def obey(self, link: Link, message: QueueMessage) -> None:
        if isinstance(message, Assignment):
            self.held.append(message.lease)
            self.assignments.put_nowait(message)
        elif isinstance(message, Interruption):
            self.interruptions.put_nowait(message.lease)

    async def left(self, link: Link) -> None:
        pass

    async def assigned(self) -> Lease:
        return (await asyncio.wait_for(self.assignments.get(), PATIENCE)).lease

    def tell(self, lease: Lease, *events: ExecutionEvent) -> None:
        for event in events:
            self.links.outbox.report(lease, TimedEvent(time.time(), event))

    def succeed(self, lease: Lease) -> None:
        self.held.remove(lease)
        self.tell(lease, finished("2"), ExecutionSucceeded())


class Runner(Household):
    """Runs what it is assigned: so many nodes, each with something to show, so many seconds apart."""

    def __init__(self, executor_id: str, replicas: Replicas, *, nodes: int, seconds: float) -> None:
        super().__init__(executor_id, replicas)
        self._nodes = nodes
        self._seconds = seconds
        self._runs: dict[Lease, asyncio.Task[None]] = {}

    async def keep(self) -> None:
        """Work until cancelled."""
        try:
            await self.links.keep()
        finally:
            for run in self._runs.values():
                run.cancel()

    async def obey(self, link: Link, message: QueueMessage) -> None:
        match message:
            case Assignment(lease=lease) if lease not in self._runs:
                self.held.append(lease)
                self._runs[lease] = asyncio.create_task(self._run(lease))
            case Interruption(lease):
                self._stop(lease)
                self.tell(lease, ExecutionInterrupted("2", "Show"))
            case LeaseLost(lease):
                self.links.outbox.forget(lease)
                self._stop(lease)

    async def _run(self, lease: Lease) -> None:
        self.tell(lease, ExecutionStarted(), NodesCached(()))
        for number in range(self._nodes):
            await asyncio.sleep(self._seconds)
            self.tell(lease, progress(str(number), 1.0), finished(str(number), b'{"text": ["%d"]}' % number))
        self.held.remove(lease)
        self.tell(lease, ExecutionSucceeded())
        self.links.beat()

    def _stop(self, lease: Lease) -> None:
        run = self._runs.get(lease)
        if run is not None:
            run.cancel()
        if lease in self.held:
            self.held.remove(lease)
        self.links.beat()
