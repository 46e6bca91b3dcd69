"""What the agent knows about the prompts that it holds leases for."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.executor.ipc import RunPrompt
from services.executor.metrics import ExecutorMetrics, RunMetrics
from services.executor.run_trace import RunTrace
from services.executor.workflow_classes import WorkflowClasses
from services.graph.events import ExecutionInterrupted, NodeFinished, NodeRef, NodeStarted
from services.queue.records import Assignment, Lease
from services.queue.work import LeaseRelease, TimedEvent
from services.tracing import Traces


@dataclass(eq=False)
class Run:
    """One attempt at a prompt; `number` is its name towards the worker."""

    number: int
    assignment: Assignment
    classes: WorkflowClasses
    metrics: RunMetrics
    trace: RunTrace | None
    previews_wanted: bool
    #: the worker has it
    is_handed_over: bool = False
    #: the queue asked to stop it
    is_interrupted: bool = False
    #: the lease is gone: nothing more is said about it
    is_lost: bool = False
    _node: NodeRef | None = None
    _executed: list[str] = field(default_factory=list)

    @property
    def request(self) -> RunPrompt:
        """What the worker is told."""
        return RunPrompt(
            run=self.number,
            prompt_id=self.assignment.lease.prompt_id,
            graph_json=self.assignment.graph_json,
            extra_data_json=self.assignment.extra_data_json,
            output_node_ids=self.assignment.output_node_ids,
            previews_wanted=self.previews_wanted,
            client_id=self.assignment.client_id,
            user_id=self.assignment.user_id,
            file_space=self.assignment.file_space,
        )

    def see(self, timed: TimedEvent) -> None:
        """Follow the run, also to be able to end it in the worker's place."""
        self.metrics.see(timed)
        if self.trace:
            self.trace.see(timed)
        event = timed.event
        if isinstance(event, NodeStarted):
            self._node = event.node
        elif isinstance(event, NodeFinished):
            self._executed.append(event.node.node_id)
            self._node = None if self._node == event.node else self._node

    def release(self, how: str) -> LeaseRelease:
        """Gives the prompt back, as its worker ended: `how`, and which node ran."""
        node_id, node_type = self._whereabouts()
        where = f" while node {node_id} ({node_type}) ran" if node_id else ""
        return LeaseRelease(self.assignment.lease, f"worker {how}{where}", True, node_id, node_type)

    def interruption(self) -> TimedEvent:
        """The end of a run whose worker could not be stopped otherwise."""
        return TimedEvent(time.time(), ExecutionInterrupted(*self._whereabouts(), tuple(self._executed)))

    def _whereabouts(self) -> tuple[str, str]:
        """The node of the workflow that runs, or made the one that does, and its class; empty between nodes."""
        if self._node is None:
            return "", ""
        node_id = self._node.real_node_id
        return node_id, self.classes.of(node_id)


class Runs:
    """What is held, in the order in which it came."""

    def __init__(self, executor_id: str, metrics: ExecutorMetrics, traces: Traces | None) -> None:
        self._executor_id = executor_id
        self._metrics = metrics
        self._traces = traces
        self._runs: dict[int, Run] = {}
        self._numbers = itertools.count(1)
        #: set while nothing is held
        self.none = asyncio.Event()
        self.none.set()

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(tuple(self._runs.values()))

    def __contains__(self, run: Run) -> bool:
        return run.number in self._runs

    @property
    def begun(self) -> Run | None:
        """The run that the worker is at; others wait there."""
        return next((run for run in self if run.is_handed_over), None)

    def add(self, assignment: Assignment) -> Run:
        """Hold a prompt."""
        classes = WorkflowClasses(assignment.graph_json)
        metrics = self._metrics.follow(classes)
        trace = RunTrace(self._traces, assignment, classes, self._executor_id) if self._traces else None
        run = Run(next(self._numbers), assignment, classes, metrics, trace, assignment.previews_wanted)
        self._runs[run.number] = run
        self.none.clear()
        return run

    def get(self, number: int) -> Run | None:
        """The run of this number."""
        return self._runs.get(number)

    def find(self, lease: Lease) -> Run | None:
        """The run under a lease."""
        return next((run for run in self if run.assignment.lease == lease), None)

    def leases(self) -> list[Lease]:
        """The leases that are ours still."""
        return [run.assignment.lease for run in self if not run.is_lost]

    def drop(self, run: Run) -> None:
        """Hold it no longer."""
        self._runs.pop(run.number, None)
        if run.trace:
            run.trace.end(error="given back")
        if not self._runs:
            self.none.set()

    def clear(self) -> None:
        """Hold nothing any more."""
        self._runs.clear()
        self.none.set()
