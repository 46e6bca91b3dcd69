"""A run as a trace: a span for the attempt, and one for each node that ran."""

from __future__ import annotations

from services.executor.workflow_classes import WorkflowClasses
from services.graph.events import (
    ExecutionFailed,
    ExecutionInterrupted,
    ExecutionSucceeded,
    NodeFinished,
    NodeRef,
    NodesCached,
    NodeStarted,
)
from services.queue.records import Assignment
from services.queue.work import TimedEvent
from services.tracing import Span, Traces


class RunTrace:
    """Follows one attempt by its events."""

    def __init__(self, traces: Traces, assignment: Assignment, classes: WorkflowClasses, executor_id: str) -> None:
        self._classes = classes
        self._nodes: dict[NodeRef, Span] = {}
        self._has_ended = False
        self._run = traces.begin(
            "run",
            assignment.traceparent,
            prompt_id=assignment.lease.prompt_id,
            attempt=assignment.attempt,
            executor_id=executor_id,
            user_id=assignment.user_id,
        )

    def see(self, timed: TimedEvent) -> None:
        """Take note of what happened."""
        at = timed.happened_at
        match timed.event:
            case NodesCached(node_ids):
                self._run.part("cached", at, nodes=len(node_ids)).end(at)
            case NodeStarted(node):
                self._nodes[node] = self._begun(node, at)
            case NodeFinished(node) if node in self._nodes:
                self._nodes.pop(node).end(at)
            case ExecutionSucceeded():
                self.end(at)
            case ExecutionFailed() as failed:
                self.end(at, f"{failed.exception_type}: {failed.exception_message}")
            case ExecutionInterrupted():
                self.end(at, "interrupted")

    def end(self, at: float | None = None, error: str | None = None) -> None:
        """The attempt is over, and so is what ran in it; nothing when it was over before."""
        if self._has_ended:
            return
        for span in self._nodes.values():
            span.end(at, error=error)
        self._run.end(at, error=error)
        self._has_ended = True

    def _begun(self, node: NodeRef, at: float) -> Span:
        node_class = self._classes.of(node.real_node_id)
        return self._run.part(node_class or "node", at, node_id=node.node_id, node_class=node_class)
