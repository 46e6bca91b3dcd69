"""What an executor counts of its runs."""

from __future__ import annotations

import json

from prometheus_client import CollectorRegistry

from services.executor.metrics import MAX_CLASSES, ExecutorMetrics, RunMetrics
from services.executor.workflow_classes import WorkflowClasses
from services.graph.events import (
    ExecutionEvent,
    ExecutionFailed,
    ExecutionInterrupted,
    ExecutionSucceeded,
    NodeFinished,
    NodeProgress,
    NodeRef,
    NodesCached,
    NodeStarted,
)
from services.queue.work import TimedEvent

GRAPH = {"1": {"class_type": "Load", "inputs": {}}, "2": {"class_type": "KSampler", "inputs": {}}}


class Counted:
    def __init__(self, graph_json: bytes = json.dumps(GRAPH).encode()) -> None:
        self.registry = CollectorRegistry()
        self.metrics = ExecutorMetrics(self.registry)
        self.run: RunMetrics = self.metrics.follow(WorkflowClasses(graph_json))

    def see(self, at: float, event: ExecutionEvent) -> None:
        self.run.see(TimedEvent(at, event))

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"silverprint_executor_{name}", labels)


def started(node: NodeRef) -> NodeStarted:
    return NodeStarted(node)


def finished(node: NodeRef) -> NodeFinished:
    return NodeFinished(node, b"", False)


def test_nodes_are_timed_by_class_and_what_they_made_counts_as_theirs() -> None:
    counted = Counted()
    sampler, made = NodeRef.of_workflow("2"), NodeRef("2.0.1", "2", "2", "2")
    counted.see(10.0, NodesCached(("1",)))
    counted.see(10.0, started(sampler))
    counted.see(12.5, finished(sampler))
    counted.see(13.0, started(made))
    counted.see(13.25, finished(made))
    assert counted.value("node_seconds_count", node_class="KSampler") == 2
    assert counted.value("node_seconds_sum", node_class="KSampler") == 2.75
    assert counted.value("node_seconds_count", node_class="Load") is None
    assert counted.value("nodes_cached_total") == 1


def test_progress_counts_steps_whether_or_not_all_of_them_are_told() -> None:
    counted = Counted()
    sampler = NodeRef.of_workflow("2")
    first_bar, second_bar = (1, 4, 4, 20), (0, 5, 10)
    for value in (*first_bar, *second_bar):
        counted.see(1.0, NodeProgress(sampler, value, 20))
    assert counted.value("node_progress_total", node_class="KSampler") == 30


def test_progress_that_is_no_number_counts_for_nothing() -> None:
    counted = Counted()
    for value in (float("nan"), float("-inf"), -3.0, float("inf"), 2.0):
        counted.see(1.0, NodeProgress(NodeRef.of_workflow("2"), value, 20))
    assert counted.value("node_progress_total", node_class="KSampler") == 2


def test_runs_are_counted_by_how_they_end() -> None:
    for event, outcome in (
        (ExecutionSucceeded(), "succeeded"),
        (ExecutionFailed("1", "Load", "ValueError", "no"), "failed"),
        (ExecutionInterrupted("", ""), "interrupted"),
    ):
        counted = Counted()
        counted.see(1.0, event)
        assert counted.value("runs_total", outcome=outcome) == 1


def test_classes_are_bounded() -> None:
    graph = {str(number): {"class_type": f"Class{number}"} for number in range(MAX_CLASSES + 5)}
    counted = Counted(json.dumps(graph).encode())
    for number in graph:
        counted.see(1.0, started(NodeRef.of_workflow(number)))
        counted.see(2.0, finished(NodeRef.of_workflow(number)))
    assert counted.value("node_seconds_count", node_class="other") == 5


def test_graphs_that_are_not_quite_json_have_classes_too() -> None:
    counted = Counted(b'{"1": {"class_type": "Load", "inputs": {"x": NaN}}}')
    node = NodeRef.of_workflow("1")
    counted.see(1.0, started(node))
    counted.see(2.0, finished(node))
    assert counted.value("node_seconds_count", node_class="Load") == 1
    counted.see(1.0, started(NodeRef.of_workflow("gone")))
    counted.see(2.0, finished(NodeRef.of_workflow("gone")))
    assert counted.value("node_seconds_count", node_class="other") == 1
