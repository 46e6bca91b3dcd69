"""The agent: does what the queue wants, and keeps the worker alive.

It computes nothing, so that leases are renewed while a node keeps the worker's interpreter for itself. What the queue
wants goes down to the worker, what happens there goes up; a worker that dies takes down the run it had begun, and
nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping

from prometheus_client import CollectorRegistry

from services import __version__
from services.errors import FailedPrecondition, ServiceError
from services.executor import ipc
from services.executor.host import host_info, host_name
from services.executor.link import FIRST_BACKOFF, LONGEST_BACKOFF, Link
from services.executor.links import Links, Replicas
from services.executor.log_relay import LogRelay
from services.executor.metrics import ExecutorMetrics
from services.executor.outbox import Outbox
from services.executor.pack_relay import PackRelay
from services.executor.runs import Run, Runs
from services.executor.worker_process import WorkerProcess
from services.graph.events import Terminal
from services.queue import packs, work
from services.queue.records import Assignment, Executor, Lease
from services.stopping import Stop
from services.tracing import Traces

log = logging.getLogger(__name__)

#: One worker, which runs one prompt at a time.
SLOTS = 1

#: Seconds that the queue has to take the last messages when the executor stops.
LEAVING_GRACE = 1.0


class Agent:
    """One executor: its leases, its worker, its links to the replicas of the queue."""

    def __init__(
        self,
        executor_id: str,
        replicas: Replicas,
        start_worker: Callable[[Mapping[str, str]], Awaitable[WorkerProcess]],
        on_readiness: Callable[[bool], Awaitable[None]],
        *,
        interrupt_grace: float,
        metrics: ExecutorMetrics | None = None,
        drain_seconds: float = 0.0,
        traces: Traces | None = None,
    ) -> None:
        """Both times are in seconds.

        `interrupt_grace` is what a node has to hear of an interruption before its worker is killed, `drain_seconds`
        what prompts have to end when the executor is to stop.
        """
        self._executor_id = executor_id
        self._start_worker = start_worker
        self._on_readiness = on_readiness
        self._interrupt_grace = interrupt_grace
        self._metrics = metrics or ExecutorMetrics(CollectorRegistry())
        self._drain_seconds = drain_seconds
        self._links = Links(executor_id, replicas, self)
        self._packs = PackRelay(lambda: self._outbox)
        self._logs = LogRelay(self._links, self._running)
        self._runs = Runs(executor_id, self._metrics, traces)
        #: where the answers belong to what the worker was asked about inputs, by id
        self._questions: dict[str, Outbox] = {}
        self._worker: WorkerProcess | None = None
        #: packs that ended a worker while it loaded them, and how
        self._deadly_packs: dict[str, str] = {}
        self._nodes: ipc.NodesLoaded | None = None
        self._devices = ipc.DeviceReport(())
        self._is_worker_ready = False
        self._is_stopping = False
        #: an operator wants it to take nothing more
        self._is_drained = False
        #: the replica that is home has said that it assigns nothing more
        self._nothing_comes = asyncio.Event()

    async def run(self, stop: Stop) -> None:
        """Serve until asked to stop, then let what runs end, give back what does not in time, and end the worker.

        Asked twice, everything is given back at once.

        Raises:
            FailedPrecondition: the worker cannot work with what it is given.
        """
        working = asyncio.create_task(self._keep_worker())
        connected = asyncio.create_task(self._links.keep())
        stopping = asyncio.create_task(stop.wait())
        tasks = (working, connected, stopping)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in (working, connected):
                if task.done():
                    task.result()
            await self._drain(stop)
            await self._leave(connected)
        finally:
            for pending in tasks:
                pending.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _drain(self, stop: Stop) -> None:
        """Take nothing more, and wait until nothing is held, there is no more time, or somebody is in a hurry."""
        self._is_stopping = True
        await self._tell_readiness()
        for run in [run for run in self._runs if not run.is_handed_over]:
            self._runs.drop(run)
            self._return(run.assignment.lease)
        self._links.beat()
        waiting = [asyncio.create_task(self._until_done()), asyncio.create_task(stop.at_once.wait())]
        await asyncio.wait(waiting, timeout=self._drain_seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()

    async def _until_done(self) -> None:
        """Nothing runs, and what came of it is on its way."""
        await self._runs.none.wait()
        if self._outbox.has_unsent and not self._links.is_connected:
            await self._nothing_comes.wait()

    async def _leave(self, connected: asyncio.Task[None]) -> None:
        """Give back what is held, and what comes until the queue says that nothing does; then end the streams."""
        held = self._runs.leases()
        self._runs.clear()
        self._links.beat()
        for lease in held:
            self._return(lease)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVING_GRACE if self._links.is_connected else 0):
                await self._nothing_comes.wait()
                self._links.close()
                await asyncio.wait([connected])

    def _return(self, lease: Lease) -> None:
        reason = "executor is shutting down" if self._is_stopping else "executor takes no more prompts"
        self._outbox.say(work.LeaseRelease(lease, reason, False))

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
        if is_new:
            for link in self._links.all_connected():
                self._publish(link)
        if not self._is_worker_ready:
            self._is_worker_ready = True
            await self._tell_readiness()
            self._hand_over()
            self._links.beat()

    async def _happened(self, message: ipc.RunEvent) -> None:
        run = self._runs.get(message.run)
        if run is None:
            return
        run.see(message.event)
        if not run.is_lost:
            self._outbox.report(run.assignment.lease, message.event)
        if isinstance(message.event.event, Terminal):
            self._runs.drop(run)
            if run.is_lost:
                self._links.beat()  # as in `_end_interrupted`

    async def _worker_ended(self, how: str) -> None:
        self._worker = None
        self._is_worker_ready = False
        self._metrics.worker_ended()
        self._packs.worker_ended(how)
        await self._tell_readiness()
        for request_id in list(self._questions):
            self._answer(ipc.InputComplaints(request_id, {}))
        begun = self._runs.begun
        for run in self._runs:
            run.is_handed_over = False
            if run.is_interrupted:
                self._end_interrupted(run)
            elif run is begun:
                self._runs.drop(run)
                self._outbox.say(run.release(how))
        self._links.beat()

    # What the queue wants.

    def describe(self) -> Executor:
        """The executor, as the queue would describe it."""
        beat = self.heartbeat(standby=False)
        return Executor(
            executor_id=self._executor_id,
            host=host_name(),
            version=__version__,
            slots=SLOTS,
            free_slots=beat.free_slots,
            devices=beat.devices,
            host_info=beat.host_info,
            connected_at=0.0,
        )

    def hello(self, link: Link, *, held: set[Lease], standby: bool) -> work.Hello:
        """Who is dialling; see `Resident`."""
        link.greeted_with = self._nodes.digest if self._nodes else ""
        return work.Hello(
            executor_id=self._executor_id,
            host=host_name(),
            version=__version__,
            slots=SLOTS,
            catalogue_digest=link.greeted_with,
            devices=self._devices.devices,
            host_info=host_info(),
            held_leases=() if standby else tuple({*self._runs.leases(), *held}),
            standby=standby,
            draining=self._is_draining,
        )

    def heartbeat(self, *, standby: bool) -> work.Heartbeat:
        """What is free and what is held; see `Resident`."""
        has_room = self._is_worker_ready and not self._is_draining
        return work.Heartbeat(
            free_slots=max(0, SLOTS - len(self._runs)) if has_room else 0,
            leases=() if standby else tuple(self._runs.leases()),
            devices=self._devices.devices,
            host_info=host_info(),
            standby=standby,
            draining=self._is_draining,
        )

    async def welcomed(self, link: Link, welcome: work.Welcome) -> None:
        """A replica is there: it has to know what there is."""
        self._packs.connected(link.outbox)
        if self._nodes and (welcome.catalogue_wanted or self._nodes.digest != link.greeted_with):
            self._publish(link)
        await self._tell_readiness()

    async def left(self, link: Link) -> None:
        """A replica is gone."""
        self._packs.disconnected(link.outbox, self._worker)
        await self._tell_readiness()

    async def obey(self, link: Link, message: work.QueueMessage) -> None:
        """Do what a replica wants."""
        match message:
            case Assignment():
                self._assigned(message)
            case work.Interruption():
                self._stop_run(message.lease, is_lost=False)
            case work.LeaseLost():
                self._outbox.forget(message.lease)
                self._stop_run(message.lease, is_lost=True)
            case work.PreviewDemand() if link.outbox is self._outbox:
                self._demand_previews(message)
            case work.Validation():
                self._validate(message, link.outbox)
            case work.MemoryRelease(results):
                if self._worker:
                    self._worker.send(ipc.ReleaseMemory(results))
            case work.Drain(undo):
                self._be_drained(not undo)
            case work.Drained() if link.outbox is self._outbox:
                self._nothing_comes.set()
            case packs.PackRequest() | packs.PackFlow() | packs.PackCancellation():
                self._packs.obey(message, link.outbox, self._worker)

    def _be_drained(self, is_drained: bool) -> None:
        if self._is_drained is not is_drained:
            log.info("asked to take %s prompts", "no more" if is_drained else "more")
            self._is_drained = is_drained
            self._links.beat()

    def _assigned(self, assignment: Assignment) -> None:
        if self._is_draining:
            self._return(assignment.lease)
        elif self._runs.find(assignment.lease) is None:
            self._runs.add(assignment)
            self._logs.conceal(assignment.extra_data_json)
            self._hand_over()

    def _stop_run(self, lease: Lease, *, is_lost: bool) -> None:
        run = self._runs.find(lease)
        if run is None or (run.is_interrupted and not is_lost):
            return
        log.info("prompt %s: %s", lease.prompt_id, "its lease is lost" if is_lost else "to be interrupted")
        run.is_interrupted = True
        run.is_lost = run.is_lost or is_lost
        if self._worker and run.is_handed_over:
            self._worker.send(ipc.InterruptRun(run.number))
        if self._worker and run is self._runs.begun:
            asyncio.get_running_loop().call_later(self._interrupt_grace, self._kill_if_running, run, self._worker)
        else:
            self._end_interrupted(run)

    def _demand_previews(self, demand: work.PreviewDemand) -> None:
        run = self._runs.find(demand.lease)
        if run is None:
            return
        run.previews_wanted = demand.wanted
        if self._worker and run.is_handed_over:
            self._worker.send(ipc.SetPreviews(run.number, demand.wanted))

    def _validate(self, question: work.Validation, asker: Outbox) -> None:
        self._questions[question.request_id] = asker
        if self._worker is None:
            log.warning("nobody to check the inputs of %d nodes: no worker", len(question.node_ids))
            self._answer(ipc.InputComplaints(question.request_id, {}))
            return
        self._worker.send(
            ipc.CheckInputs(question.request_id, question.graph_json, question.node_ids, question.file_space)
        )

    # Between the two.

    def _answer(self, answer: ipc.InputComplaints) -> None:
        """Tell the queue, which would wait in vain for a worker that is gone: no complaint is known then."""
        asker = self._questions.pop(answer.request_id, None)
        if asker is not None:
            asker.say(work.ValidationAnswer(answer.request_id, answer.complaints))

    def _running(self) -> str:
        begun = self._runs.begun
        return begun.assignment.lease.prompt_id if begun else ""

    def _hand_over(self) -> None:
        for run in self._runs:
            if self._worker and self._is_worker_ready and not run.is_handed_over:
                run.is_handed_over = True
                self._worker.send(run.request)

    def _end_interrupted(self, run: Run) -> None:
        self._runs.drop(run)
        if run.is_lost:
            self._links.beat()  # the queue counts by leases and cannot know that there is room again
        else:
            self._outbox.report(run.assignment.lease, run.interruption())

    def _kill_if_running(self, run: Run, worker: WorkerProcess) -> None:
        if run in self._runs and worker is self._worker:
            log.warning("prompt %s does not stop, killing its worker", run.assignment.lease.prompt_id)
            worker.kill("its prompt did not stop when it was interrupted")

    @property
    def _is_draining(self) -> bool:
        return self._is_stopping or self._is_drained

    def _publish(self, link: Link) -> None:
        if self._nodes:
            link.outbox.say(work.CataloguePublication(self._nodes.digest, self._nodes.definitions_json))

    @property
    def _outbox(self) -> Outbox:
        return self._links.outbox

    async def _tell_readiness(self) -> None:
        is_ready = self._links.is_connected and self._is_worker_ready and not self._is_stopping
        self._metrics.ready.set(is_ready)
        await self._on_readiness(is_ready)
