"""Messages of the WebSocket that tell how a prompt fares, as (type, data)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from services.gateway.translate.numbers import milliseconds
from services.graph.events import (
    ExecutionFailed,
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeBlocked,
    NodeFinished,
    NodeRef,
    NodesCached,
)
from services.queue.records import Event

Message = tuple[str, Mapping[str, object] | msgspec.Raw]


def lasting_message(event: Event) -> Message | None:
    """The message of an event that is still worth telling later; None for events without one."""
    ids = {"prompt_id": event.prompt_id}
    stamped = {**ids, "timestamp": milliseconds(event.happened_at)}
    match event.body:
        case ExecutionStarted():
            return "execution_start", stamped
        case NodesCached(node_ids):
            return "execution_cached", {"nodes": node_ids, **stamped}
        case NodeFinished() as body if body.output_json or body.reused:
            return "executed", _executed(body, event.prompt_id)
        case NodeBlocked() as body:
            return "execution_error", {**ids, **_blocked(body)}
        case ExecutionSucceeded():
            return "execution_success", stamped
        case ExecutionFailed() as body:
            return "execution_error", {**ids, **_failure(body), "timestamp": stamped["timestamp"]}
        case ExecutionInterrupted() as body:
            return "execution_interrupted", {**ids, **_stopped(body), "timestamp": stamped["timestamp"]}
    return None


def executing(node: NodeRef | None, prompt_id: str) -> Message:
    """Which node runs now; None once the prompt has ended."""
    if node is None:
        return "executing", {"node": None, "prompt_id": prompt_id}
    return "executing", {"node": node.node_id, "display_node": node.display_node_id, "prompt_id": prompt_id}


def status(remaining: int, sid: str | None = None) -> Message:
    """How many prompts wait or run; the first one on a socket tells it its id."""
    data: dict[str, Any] = {"status": {"exec_info": {"queue_remaining": remaining}}}
    if sid is not None:
        data["sid"] = sid
    return "status", data


def encode(message: Message) -> str:
    """The text frame of a message."""
    return msgspec.json.encode({"type": message[0], "data": message[1]}).decode()


def _executed(body: NodeFinished, prompt_id: str) -> dict[str, Any]:
    return {
        "node": body.node.node_id,
        "display_node": body.node.display_node_id,
        "output": msgspec.Raw(body.output_json) if body.output_json else None,
        "prompt_id": prompt_id,
    }


def _stopped(body: ExecutionInterrupted) -> dict[str, Any]:
    return {"node_id": body.node_id, "node_type": body.node_type, "executed": body.executed_node_ids}


def _blocked(body: NodeBlocked) -> dict[str, Any]:
    return {
        "node_id": body.node.node_id,
        "node_type": body.node_type,
        "executed": body.executed_node_ids,
        "exception_message": f"Execution Blocked: {body.message}",
        "exception_type": "ExecutionBlocked",
        "traceback": [],
        "current_inputs": [],
        "current_outputs": [],
    }


def _failure(body: ExecutionFailed) -> dict[str, Any]:
    return {
        "node_id": body.node_id,
        "node_type": body.node_type,
        "executed": body.executed_node_ids,
        "exception_message": body.exception_message.rstrip("\n") + "\n",
        "exception_type": body.exception_type,
        "traceback": body.traceback,
        "current_inputs": msgspec.Raw(body.current_inputs_json or b"{}"),
        "current_outputs": body.executed_node_ids,
    }
