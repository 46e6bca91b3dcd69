"""What happens in a run, as `silverprint.executor.v1` has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.graph import events
from services.graph.events import ExecutionEvent, NodeRef
from services.queue.convert.provenance import record_from_proto, record_to_proto
from services.queue.convert.times import from_us, to_us
from services.queue.work import TimedEvent
from silverprint.executor.v1 import execution_pb2 as pb


def event_to_proto(timed: TimedEvent) -> pb.ExecutionEvent:
    """The message of an event."""
    message = pb.ExecutionEvent(happened_at_us=to_us(timed.happened_at))
    field, fill = _TO_PROTO[type(timed.event)]
    body = getattr(message, field)
    body.SetInParent()
    fill(timed.event, body)
    if timed.record is not None:
        message.record.CopyFrom(record_to_proto(timed.record))
    return message


def event_from_proto(message: pb.ExecutionEvent) -> TimedEvent | None:
    """The event of a message; None for a kind that a newer version knows."""
    field = message.WhichOneof("body")
    if field is None:
        return None
    event = _FROM_PROTO[field](getattr(message, field))
    record = record_from_proto(message.record) if message.HasField("record") else None
    return TimedEvent(from_us(message.happened_at_us), event, record)


def _fill_ref(node: NodeRef, message: pb.NodeRef) -> None:
    message.node_id = node.node_id
    message.display_node_id = node.display_node_id
    message.parent_node_id = node.parent_node_id or ""
    message.real_node_id = node.real_node_id


def _ref(message: pb.NodeRef) -> NodeRef:
    return NodeRef(message.node_id, message.display_node_id, message.parent_node_id or None, message.real_node_id)


def _fill_nothing(event: Any, message: Any) -> None:
    pass


def _fill_cached(event: events.NodesCached, message: pb.NodesCached) -> None:
    message.node_ids.extend(event.node_ids)


def _fill_started(event: events.NodeStarted, message: pb.NodeStarted) -> None:
    _fill_ref(event.node, message.node)


def _fill_progress(event: events.NodeProgress, message: pb.NodeProgress) -> None:
    _fill_ref(event.node, message.node)
    message.value = event.value
    message.maximum = event.maximum


def _fill_preview(event: events.NodePreview, message: pb.NodePreview) -> None:
    _fill_ref(event.node, message.node)
    message.media_type = event.media_type
    message.data = event.data
    message.provisional = event.provisional


def _fill_text(event: events.NodeText, message: pb.NodeText) -> None:
    _fill_ref(event.node, message.node)
    message.text = event.text


def _fill_finished(event: events.NodeFinished, message: pb.NodeFinished) -> None:
    _fill_ref(event.node, message.node)
    message.output_json = event.output_json
    message.reused = event.reused


def _fill_blocked(event: events.NodeBlocked, message: pb.NodeBlocked) -> None:
    _fill_ref(event.node, message.node)
    message.node_type = event.node_type
    message.message = event.message
    message.executed_node_ids.extend(event.executed_node_ids)


def _fill_failed(event: events.ExecutionFailed, message: pb.ExecutionFailed) -> None:
    message.node_id = event.node_id
    message.node_type = event.node_type
    message.exception_type = event.exception_type
    message.exception_message = event.exception_message
    message.traceback.extend(event.traceback)
    message.executed_node_ids.extend(event.executed_node_ids)
    message.current_inputs_json = event.current_inputs_json


def _fill_interrupted(event: events.ExecutionInterrupted, message: pb.ExecutionInterrupted) -> None:
    message.node_id = event.node_id
    message.node_type = event.node_type
    message.executed_node_ids.extend(event.executed_node_ids)


def _failed(message: pb.ExecutionFailed) -> events.ExecutionFailed:
    return events.ExecutionFailed(
        message.node_id,
        message.node_type,
        message.exception_type,
        message.exception_message,
        tuple(message.traceback),
        tuple(message.executed_node_ids),
        message.current_inputs_json,
    )


_TO_PROTO: dict[type[ExecutionEvent], tuple[str, Callable[[Any, Any], None]]] = {
    events.ExecutionStarted: ("started", _fill_nothing),
    events.NodesCached: ("nodes_cached", _fill_cached),
    events.NodeStarted: ("node_started", _fill_started),
    events.NodeProgress: ("node_progress", _fill_progress),
    events.NodePreview: ("node_preview", _fill_preview),
    events.NodeText: ("node_text", _fill_text),
    events.NodeFinished: ("node_finished", _fill_finished),
    events.NodeBlocked: ("node_blocked", _fill_blocked),
    events.ExecutionSucceeded: ("succeeded", _fill_nothing),
    events.ExecutionFailed: ("failed", _fill_failed),
    events.ExecutionInterrupted: ("interrupted", _fill_interrupted),
}

_FROM_PROTO: dict[str, Callable[[Any], ExecutionEvent]] = {
    "started": lambda message: events.ExecutionStarted(),
    "nodes_cached": lambda message: events.NodesCached(tuple(message.node_ids)),
    "node_started": lambda message: events.NodeStarted(_ref(message.node)),
    "node_progress": lambda message: events.NodeProgress(_ref(message.node), message.value, message.maximum),
    "node_preview": lambda message: events.NodePreview(
        _ref(message.node), message.media_type, message.data, message.provisional
    ),
    "node_text": lambda message: events.NodeText(_ref(message.node), message.text),
    "node_finished": lambda message: events.NodeFinished(_ref(message.node), message.output_json, message.reused),
    "node_blocked": lambda message: events.NodeBlocked(
        _ref(message.node), message.node_type, message.message, tuple(message.executed_node_ids)
    ),
    "succeeded": lambda message: events.ExecutionSucceeded(),
    "failed": _failed,
    "interrupted": lambda message: events.ExecutionInterrupted(
        message.node_id, message.node_type, tuple(message.executed_node_ids)
    ),
}
