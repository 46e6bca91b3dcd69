"""The agent: holds the stream to the queue and keeps the worker alive.

It computes nothing, so that leases are renewed while a node keeps the worker's interpreter for itself. What the queue
wants goes down to the worker, what happens there goes up; a worker that dies takes down the run it had begun, and
nothing else.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol

from services import __version__
from services.errors import FailedPrecondition, ServiceError
from services.executor import ipc
from services.executor.host import host_info, host_name
from services.executor.log_relay import LogRelay
from services.executor.outbox import Outbox
from services.executor.pack_relay import PackRelay
from services.executor.runs import Run
from services.executor.worker_process import WorkerProcess
from services.graph.events import Terminal
from services.queue import packs, work
from services.queue.records import Assignment, Lease

log = logging.getLogger(__name__)

#: One worker, which runs one prompt at a time.
SLOTS = 1

#: Seconds between attempts to reach the queue, and between starts of a worker; doubled up to the longest.
FIRST_BACKOFF = 0.2
LONGEST_BACKOFF = 5.0

#: Seconds that the queue has to take the last messages when the executor stops.
DRAIN_GRACE = 1.0


class WorkStream(Protocol):
    """What the agent needs of `services.queue.client.QueueClient`."""

    def work(self, messages: AsyncIterator[work.ExecutorMessage]) -> AsyncIterator[work.QueueMessage]:
        """Open the Work stream."""
        ...


class Agent:
    """One executor: its leases, its worker, its stream."""

    def __init__(
        self,
        executor_id: str,
        queue: WorkStream,
        start_worker: Callable[[Mapping[str, str]], Awaitable[WorkerProcess]],
        on_readiness: Callable[[bool], Awaitable[None]],
        *,
        interrupt_grace: float,
    ) -> None:
        """`interrupt_grace` is in seconds: what a node has to hear of an interruption before its worker is killed."""
        self._executor_id = executor_id
        self._queue = queue
        self._start_worker = start_worker
        self._on_readiness = on_readiness
        self._interrupt_grace = interrupt_grace
        self._outbox = Outbox()
        self._packs = PackRelay(self._outbox)
        self._logs = LogRelay(self._outbox, self._running)
        self._runs: dict[int, Run] = {}
        self._numbers = itertools.count(1)
        #: ids of what the worker was asked about inputs
        self._questions: set[str] = set()
        self._worker: WorkerProcess | None = None
        #: packs that ended a worker while it loaded them, and how
        self._deadly_packs: dict[str, str] = {}
        self._nodes: ipc.NodesLoaded | None = None
        self._devices = ipc.DeviceReport(())
        self._is_worker_ready = False
        self._is_connected = False
        self._is_stopping = False
        self._greeted_with = ""
        self._beating: asyncio.Task[None] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then give back what is held and end the worker.

        Raises:
            FailedPrecondition: the worker cannot work with what it is given.
        """
        working = asyncio.create_task(self._keep_worker())
        connected = asyncio.create_task(self._keep_connected())
        stopping = asyncio.create_task(stop.wait())
        tasks = (working, connected, stopping)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in (working, connected):
                if task.done():
                    task.result()
            self._give_back()
            await asyncio.wait([connected], timeout=DRAIN_GRACE if self._is_connected else 0)
        finally:
            for pending in tasks:
                pending.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _give_back(self) -> None:
        """Say that there is no room any more, and let go of what is held."""
        self._is_stopping = True
        held = [run.assignment.lease for run in self._runs.values() if not run.is_lost]
        self._runs.clear()
        self._beat()
        for lease in held:
            self._outbox.say(work.LeaseRelease(lease, "executor is shutting down", False))
        self._outbox.close()

    # The worker.

    async def _keep_worker(self) -> None:
        backoff = FIRST_BACKOFF
        while True:
            self._worker = worker = await self._start_worker(self._deadly_packs)
            following = asyncio.create_task(self._logs.follow(worker.written))
            try:
                async for message in worker.messages():
                    await self._hear(message)
                    backoff = FIRST_BACKOFF if self._is_worker_ready else backoff
            except ServiceError:
                log.exception("the worker does not speak our language")
            finally:
                how = await asyncio.shield(worker.end())
                await self._logs.finish(following)
            if worker.loading:
                self._deadly_packs[worker.loading] = reason = f"while it was loaded, the worker {how}"
                log.error("node pack %s is left out from now on: %s", worker.loading, reason)
            elif worker.is_misconfigured and self._nodes is None:
                raise FailedPrecondition("the worker cannot start, see above")
            await self._worker_ended(how)
            log.warning("worker %s, starting another in %.1f s", how, backoff)
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, LONGEST_BACKOFF)

    async def _hear(self, message: ipc.FromWorker) -> None:
        match message:
            case ipc.RunEvent():
                await self._happened(message)
            case ipc.DeviceReport():
                self._devices = message
            case ipc.InputComplaints():
                self._answer(message)
            case ipc.NodesLoaded():
                await self._nodes_loaded(message)
            case packs.PackReport() | packs.PackMessage() | packs.PackResponse():
                self._packs.hear(message)

    async def _nodes_loaded(self, nodes: ipc.NodesLoaded) -> None:
        is_new = self._nodes is None or self._nodes.digest != nodes.digest
        self._nodes = nodes
        if self._is_connected and is_new:
            self._publish()
        if not self._is_worker_ready:
            self._is_worker_ready = True
            await self._tell_readiness()
            self._hand_over()
            self._beat()

    async def _happened(self, message: ipc.RunEvent) -> None:
        run = self._runs.get(message.run)
        if run is None:
            return
        run.note(message.event.event)
        if not run.is_lost:
            self._outbox.report(run.assignment.lease, message.event)
        if isinstance(message.event.event, Terminal):
            self._drop(run)
            if run.is_lost:
                self._beat()  # as in `_end_interrupted`

    async def _worker_ended(self, how: str) -> None:
        self._worker = None
        self._is_worker_ready = False
        self._packs.worker_ended(how)
        await self._tell_readiness()
        for request_id in list(self._questions):
            self._answer(ipc.InputComplaints(request_id, {}))
        begun = self._begun()
        for run in list(self._runs.values()):
            run.is_handed_over = False
            if run.is_interrupted:
                self._end_interrupted(run)
            elif run is begun:
                self._drop(run)
                self._outbox.say(run.release(how))
        self._beat()

    # What the queue wants.

    async def _keep_connected(self) -> None:
        backoff = FIRST_BACKOFF
        outage = logging.INFO  # that the queue is not there yet is no cause for alarm
        while not self._is_stopping:
            began = time.monotonic()
            try:
                async for message in self._queue.work(self._messages()):
                    outage = logging.WARNING
                    await self._obey(message)
            except ServiceError as error:
                log.log(outage, "no stream to the queue, trying again: %s", error.message)
                outage = logging.DEBUG  # one line for each outage
            except asyncio.CancelledError:
                # gRPC cancels its own call, and with it whoever reads, when a message cannot be sent.
                if asyncio.current_task().cancelling():  # type: ignore[union-attr]
                    raise
                log.exception("the stream to the queue broke over a message")
            finally:
                self._packs.disconnected(self._worker)
                await self._connected(False)
            if not self._is_stopping:
                backoff = FIRST_BACKOFF if time.monotonic() - began > LONGEST_BACKOFF else backoff
                await asyncio.sleep(backoff * random.uniform(0.5, 1.0))
                backoff = min(2 * backoff, LONGEST_BACKOFF)

    async def _messages(self) -> AsyncIterator[work.ExecutorMessage]:
        held = {run.assignment.lease for run in self._runs.values() if not run.is_lost}
        self._greeted_with = self._nodes.digest if self._nodes else ""
        yield work.Hello(
            executor_id=self._executor_id,
            host=host_name(),
            version=__version__,
            slots=SLOTS,
            catalogue_digest=self._greeted_with,
            devices=self._devices.devices,
            host_info=host_info(),
            held_leases=tuple(held | self._outbox.leases()),
        )
        async for message in self._outbox.messages():
            yield message

    async def _obey(self, message: work.QueueMessage) -> None:
        match message:
            case work.Welcome():
                await self._welcomed(message)
            case Assignment():
                self._assigned(message)
            case work.Interruption():
                self._stop_run(message.lease, is_lost=False)
            case work.LeaseLost():
                self._outbox.forget(message.lease)
                self._stop_run(message.lease, is_lost=True)
            case work.PreviewDemand():
                self._demand_previews(message)
            case work.Validation():
                self._validate(message)
            case work.MemoryRelease(results):
                if self._worker:
                    self._worker.send(ipc.ReleaseMemory(results))
            case packs.PackRequest() | packs.PackFlow() | packs.PackCancellation():
                self._packs.obey(message, self._worker)

    async def _welcomed(self, welcome: work.Welcome) -> None:
        log.info("connected to the queue as %s", self._executor_id)
        await self._connected(True)
        self._packs.connected()
        if self._nodes and (welcome.catalogue_wanted or self._nodes.digest != self._greeted_with):
            self._publish()
        self._beat()
        self._beating = asyncio.create_task(self._keep_beating(welcome.lease_duration / 3))

    def _assigned(self, assignment: Assignment) -> None:
        if not self._is_stopping and self._find(assignment.lease) is None:
            run = Run(next(self._numbers), assignment, assignment.previews_wanted)
            self._runs[run.number] = run
            self._logs.conceal(assignment.extra_data_json)
            self._hand_over()

    def _stop_run(self, lease: Lease, *, is_lost: bool) -> None:
        run = self._find(lease)
        if run is None:
            return
        log.info("prompt %s: %s", lease.prompt_id, "its lease is lost" if is_lost else "to be interrupted")
        run.is_interrupted = True
        run.is_lost = run.is_lost or is_lost
        if self._worker and run.is_handed_over:
            self._worker.send(ipc.InterruptRun(run.number))
        if self._worker and run is self._begun():
            asyncio.get_running_loop().call_later(self._interrupt_grace, self._kill_if_running, run, self._worker)
        else:
            self._end_interrupted(run)

    def _demand_previews(self, demand: work.PreviewDemand) -> None:
        run = self._find(demand.lease)
        if run is None:
            return
        run.previews_wanted = demand.wanted
        if self._worker and run.is_handed_over:
            self._worker.send(ipc.SetPreviews(run.number, demand.wanted))

    def _validate(self, question: work.Validation) -> None:
        self._questions.add(question.request_id)
        if self._worker is None:
            log.warning("nobody to check the inputs of %d nodes: no worker", len(question.node_ids))
            self._answer(ipc.InputComplaints(question.request_id, {}))
            return
        self._worker.send(ipc.CheckInputs(question.request_id, question.graph_json, question.node_ids))

    # Between the two.

    def _answer(self, answer: ipc.InputComplaints) -> None:
        """Tell the queue, which would wait in vain for a worker that is gone: no complaint is known then."""
        if answer.request_id in self._questions:
            self._questions.remove(answer.request_id)
            self._outbox.say(work.ValidationAnswer(answer.request_id, answer.complaints))

    def _begun(self) -> Run | None:
        """The run that the worker is at; others wait there."""
        return next((run for run in self._runs.values() if run.is_handed_over), None)

    def _running(self) -> str:
        begun = self._begun()
        return begun.assignment.lease.prompt_id if begun else ""

    def _hand_over(self) -> None:
        for run in self._runs.values():
            if self._worker and self._is_worker_ready and not run.is_handed_over:
                run.is_handed_over = True
                self._worker.send(run.request)

    def _end_interrupted(self, run: Run) -> None:
        self._drop(run)
        if run.is_lost:
            self._beat()  # the queue counts by leases and cannot know that there is room again
        else:
            self._outbox.report(run.assignment.lease, run.interruption())

    def _kill_if_running(self, run: Run, worker: WorkerProcess) -> None:
        if run.number in self._runs and worker is self._worker:
            log.warning("prompt %s does not stop, killing its worker", run.assignment.lease.prompt_id)
            worker.kill("its prompt did not stop when it was interrupted")

    def _find(self, lease: Lease) -> Run | None:
        return next((run for run in self._runs.values() if run.assignment.lease == lease), None)

    def _drop(self, run: Run) -> None:
        self._runs.pop(run.number, None)

    def _publish(self) -> None:
        if self._nodes:
            self._outbox.say(work.CataloguePublication(self._nodes.digest, self._nodes.definitions_json))

    def _beat(self) -> None:
        """Say what is free and what is held."""
        if not self._is_connected:
            return
        has_room = self._is_worker_ready and not self._is_stopping
        free = max(0, SLOTS - len(self._runs)) if has_room else 0
        leases = tuple(run.assignment.lease for run in self._runs.values() if not run.is_lost)
        self._outbox.say(
            work.Heartbeat(free_slots=free, leases=leases, devices=self._devices.devices, host_info=host_info())
        )

    async def _keep_beating(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            self._beat()

    async def _connected(self, is_connected: bool) -> None:
        self._is_connected = is_connected
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None
        await self._tell_readiness()

    async def _tell_readiness(self) -> None:
        await self._on_readiness(self._is_connected and self._is_worker_ready)
