"""What happens to a prompt while an executor runs it.

The executor's engine makes these records, the queue numbers and keeps them, the gateway turns them into
ComfyUI's messages. Over gRPC they are `silverprint.executor.v1.ExecutionEvent`.
"""

from __future__ import annotations

from typing import TypeGuard

import msgspec


class NodeRef(msgspec.Struct, frozen=True):
    """A node as the outside sees it; the ids differ only for nodes that another node created."""

    node_id: str
    #: the node of the submitted workflow that stands for it
    display_node_id: str
    #: the node that created it
    parent_node_id: str | None
    #: the node of the workflow that ultimately created it
    real_node_id: str

    @classmethod
    def of_workflow(cls, node_id: str) -> NodeRef:
        """The reference to a node that is part of the submitted workflow."""
        return cls(node_id, node_id, None, node_id)


class ExecutionStarted(msgspec.Struct, frozen=True, tag=True):
    """The first event of every attempt."""


class NodesCached(msgspec.Struct, frozen=True, tag=True):
    """These nodes' results are at hand; they will not run."""

    node_ids: tuple[str, ...]


class NodeStarted(msgspec.Struct, frozen=True, tag=True):
    """A node begins to run."""

    node: NodeRef


class NodeProgress(msgspec.Struct, frozen=True, tag=True):
    """How far a node is: `value` of `maximum` units."""

    node: NodeRef
    value: float
    maximum: float


class NodePreview(msgspec.Struct, frozen=True, tag=True):
    """An encoded picture ("image/jpeg" or "image/png") from a node that is running."""

    node: NodeRef
    media_type: str
    data: bytes
    #: a glimpse of unfinished work rather than what the node means to show
    provisional: bool = False


class NodeText(msgspec.Struct, frozen=True, tag=True):
    """A line of text that a running node shows."""

    node: NodeRef
    text: str


class NodeFinished(msgspec.Struct, frozen=True, tag=True):
    """A node is done; `output_json` is what it shows, empty when it shows nothing."""

    node: NodeRef
    output_json: bytes
    reused: bool


class NodeBlocked(msgspec.Struct, frozen=True, tag=True):
    """A node does not run, since one before it says so, with a message; the run goes on."""

    node: NodeRef
    node_type: str
    message: str
    executed_node_ids: tuple[str, ...] = ()


class ExecutionSucceeded(msgspec.Struct, frozen=True, tag=True):
    """Terminal: every requested output was produced."""


class ExecutionFailed(msgspec.Struct, frozen=True, tag=True):
    """Terminal: a node raised, or the prompt could not be run at all (no node id)."""

    node_id: str
    node_type: str
    exception_type: str
    exception_message: str
    traceback: tuple[str, ...] = ()
    executed_node_ids: tuple[str, ...] = ()
    #: JSON object of the failed node's inputs, abbreviated
    current_inputs_json: bytes = b"{}"


class ExecutionInterrupted(msgspec.Struct, frozen=True, tag=True):
    """Terminal: somebody asked for it."""

    node_id: str
    node_type: str
    executed_node_ids: tuple[str, ...] = ()


ExecutionEvent = (
    ExecutionStarted
    | NodesCached
    | NodeStarted
    | NodeProgress
    | NodePreview
    | NodeText
    | NodeFinished
    | NodeBlocked
    | ExecutionSucceeded
    | ExecutionFailed
    | ExecutionInterrupted
)

Terminal = ExecutionSucceeded | ExecutionFailed | ExecutionInterrupted


#: Asked about every event several times: a set answers in a fiftieth of the time that `isinstance` takes for a union.
_FLEETING: frozenset[type] = frozenset({NodeStarted, NodeProgress, NodeText, NodePreview})


def is_superseded_by_the_next(event: ExecutionEvent) -> TypeGuard[NodeProgress | NodeText | NodePreview]:
    """Whether only the latest of its kind and node matters: progress, texts, and glimpses of unfinished work."""
    return isinstance(event, NodeProgress | NodeText) or (isinstance(event, NodePreview) and event.provisional)


def is_durable(event: ExecutionEvent) -> bool:
    """Whether a watcher who comes later must still be told: everything but what is under way, and silent nodes."""
    if type(event) is NodeFinished:
        return bool(event.output_json)
    return type(event) not in _FLEETING
