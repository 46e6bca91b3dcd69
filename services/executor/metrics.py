"""What an executor counts of its runs, as its worker tells of them; the agent keeps it, whatever becomes of workers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from services.executor.workflow_classes import WorkflowClasses
from services.graph.events import (
    ExecutionEvent,
    ExecutionFailed,
    ExecutionSucceeded,
    NodeFinished,
    NodeProgress,
    NodesCached,
    NodeStarted,
    Terminal,
)
from services.queue.metrics.executors import executor_families
from services.queue.records import Executor
from services.queue.work import TimedEvent

#: Seconds; from a number to a long video.
DURATIONS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

#: Classes that have series of their own; beyond, all count as "other".
MAX_CLASSES = 200


class ExecutorMetrics:
    """Counters and the state of one executor."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._nodes = Histogram(
            "silverprint_executor_node_seconds",
            "Time that nodes took, by class; of nodes that nodes made, the class of what made them.",
            ["node_class"],
            buckets=DURATIONS,
            registry=registry,
        )
        self._progress = Counter(
            "silverprint_executor_node_progress_total",
            "Units of progress of nodes, which are steps where nodes sample, by class.",
            ["node_class"],
            registry=registry,
        )
        self._cached = Counter(
            "silverprint_executor_nodes_cached_total", "Nodes whose results were at hand.", registry=registry
        )
        self._runs = Counter(
            "silverprint_executor_runs_total", "Runs that have ended, by how.", ["outcome"], registry=registry
        )
        self._workers = Counter(
            "silverprint_executor_worker_ends_total",
            "Times that the worker process ended while it was to work.",
            registry=registry,
        )
        self.ready = Gauge(
            "silverprint_executor_ready",
            "1 while the queue is connected and the worker has loaded its nodes.",
            registry=registry,
        )
        self._classes: set[str] = set()

    def worker_ended(self) -> None:
        """Count the end of a worker."""
        self._workers.inc()

    def follow(self, classes: WorkflowClasses) -> RunMetrics:
        """Count a run of this workflow."""
        return RunMetrics(self, classes)

    def took(self, node_class: str, seconds: float) -> None:
        """Count a node that has run."""
        self._nodes.labels(self._bounded(node_class)).observe(max(0.0, seconds))

    def progressed(self, node_class: str, units: float) -> None:
        """Count progress of a node."""
        self._progress.labels(self._bounded(node_class)).inc(units)

    def reused(self, count: int) -> None:
        """Count nodes that need not run."""
        self._cached.inc(count)

    def ended(self, event: Terminal) -> None:
        """Count the end of a run."""
        outcome = {ExecutionSucceeded: "succeeded", ExecutionFailed: "failed"}.get(type(event), "interrupted")
        self._runs.labels(outcome).inc()

    def _bounded(self, node_class: str) -> str:
        if node_class not in self._classes and len(self._classes) >= MAX_CLASSES:
            return "other"
        self._classes.add(node_class)
        return node_class


class DeviceCollector(Collector):
    """Reads the devices when Prometheus asks."""

    def __init__(self, describe: Callable[[], Executor]) -> None:
        self._describe = describe

    def collect(self) -> Iterable[Metric]:
        """Places and devices."""
        return executor_families([self._describe()])


class RunMetrics:
    """What one run adds."""

    def __init__(self, metrics: ExecutorMetrics, classes: WorkflowClasses) -> None:
        self._metrics = metrics
        self._classes = classes
        self._began: dict[str, float] = {}
        self._reached: dict[str, float] = {}

    def see(self, timed: TimedEvent) -> None:
        """Take note of an event of the run."""
        event: ExecutionEvent = timed.event
        match event:
            case NodeStarted(node):
                self._began[node.node_id] = timed.happened_at
            case NodeProgress(node, value):
                reached = self._reached.get(node.node_id, 0.0)
                units = value - reached if value >= reached else value  # a node may have one bar after another
                if 0 < units < math.inf:  # nodes report what they like
                    self._metrics.progressed(self._class(node.real_node_id), units)
                    self._reached[node.node_id] = value
            case NodeFinished(node):
                began = self._began.pop(node.node_id, None)
                if began is not None:
                    self._metrics.took(self._class(node.real_node_id), timed.happened_at - began)
            case NodesCached(node_ids):
                self._metrics.reused(len(node_ids))
        if isinstance(event, Terminal):
            self._metrics.ended(event)

    def _class(self, node_id: str) -> str:
        return self._classes.of(node_id) or "other"
