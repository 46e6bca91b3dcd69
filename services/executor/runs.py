"""What the agent knows about the prompts that it holds leases for."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from services.executor.ipc import RunPrompt
from services.graph.events import ExecutionEvent, ExecutionInterrupted, NodeFinished, NodeRef, NodeStarted
from services.queue.records import Assignment
from services.queue.work import TimedEvent


@dataclass(eq=False)
class Run:
    """One attempt at a prompt; `number` is its name towards the worker."""

    number: int
    assignment: Assignment
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
        )

    def note(self, event: ExecutionEvent) -> None:
        """Follow the run, to be able to end it in the worker's place."""
        if isinstance(event, NodeStarted):
            self._node = event.node
        elif isinstance(event, NodeFinished):
            self._executed.append(event.node.node_id)

    def interruption(self) -> TimedEvent:
        """The end of a run whose worker could not be stopped otherwise."""
        node = self._node
        node_id, node_type = (node.node_id, self._class_of(node.display_node_id)) if node else ("", "")
        return TimedEvent(time.time(), ExecutionInterrupted(node_id, node_type, tuple(self._executed)))

    def _class_of(self, node_id: str) -> str:
        graph = json.loads(self.assignment.graph_json)
        return str(graph.get(node_id, {}).get("class_type", ""))
