"""Recorded WebSocket sessions, and the events that must have led to their frames."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from services.graph.events import (
    ExecutionEvent,
    ExecutionFailed,
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeBlocked,
    NodeFinished,
    NodePreview,
    NodeProgress,
    NodeRef,
    NodesCached,
    NodeStarted,
)
from services.queue.records import Event, LifecycleEvent, Submitted
from tests.recordings import Frame


@dataclass
class Retelling:
    """Reads frames back into the events of a queue, in batches."""

    frames: list[Frame]
    client_id: str
    position: int = 0
    sequence: int = 0
    others: int = 0
    executed: dict[str, Any] | None = None
    boards: dict[str, dict[str, Any]] = field(default_factory=dict)
    cached: list[str] = field(default_factory=list)

    def batches(self) -> Iterator[list[Event]]:
        """The events, those together that belong together."""
        while self.position < len(self.frames):
            frame = self.frames[self.position]
            self.position += 1
            assert isinstance(frame, dict), "a picture without progress"
            batch = self._events(frame["type"], frame["data"])
            if batch:
                yield batch

    def _events(self, type_: str, data: dict[str, Any]) -> list[Event]:
        match type_:
            case "execution_start":
                return [self._event(data, ExecutionStarted())]
            case "execution_cached":
                self.cached = data["nodes"]
                return [self._event(data, NodesCached(tuple(data["nodes"])))]
            case "execution_success":
                return [self._event(data, ExecutionSucceeded(), self._remaining())]
            case "execution_interrupted":
                body = ExecutionInterrupted(data["node_id"], data["node_type"], tuple(data["executed"]))
                return [self._event(data, body, self._remaining())]
            case "execution_error" if data["exception_type"] == "ExecutionBlocked":
                return [self._event(data, _blocked(data))]
            case "execution_error":
                return [self._event(data, _failure(data), self._remaining())]
            case "executed":
                self.executed = data
            case "progress_state":
                return [self._event(data, body) for body in self._changes(data)]
            case "status":
                self.others += 1
                other = {"prompt_id": f"other {self.others}"}
                return [self._event(other, Submitted(), data["status"]["exec_info"]["queue_remaining"], "other")]
        return []

    def _changes(self, data: dict[str, Any]) -> list[ExecutionEvent]:
        before, now = self.boards.get(data["prompt_id"], {}), data["nodes"]
        self.boards[data["prompt_id"]] = now
        changed = [entry for node_id, entry in now.items() if before.get(node_id) != entry]
        if not changed or changed[0]["value"] == 0 and changed[0]["state"] == "running":
            following = self._peek()
            node_id = following["data"]["node"] if following.get("type") == "executing" else changed[0]["node_id"]
            return [NodeStarted(_ref(now[node_id]))]
        (entry,) = changed
        if entry["state"] == "finished":
            output, self.executed = self.executed, None
            shown = json.dumps(output["output"]).encode() if output and output["output"] is not None else b""
            return [NodeFinished(_ref(entry), shown, entry["node_id"] in self.cached)]
        return [NodeProgress(_ref(entry), entry["value"], entry["max"]), *self._preview(entry)]

    def _preview(self, entry: dict[str, Any]) -> list[ExecutionEvent]:
        """The picture on either side of the `progress` message that follows."""
        around = self.frames[self.position : self.position + 2]
        pictures = [frame for frame in around if isinstance(frame, bytes)]
        self.position += 1 + len(pictures)
        return [NodePreview(_ref(entry), *_picture(frame)) for frame in pictures]

    def _remaining(self) -> int:
        """What the status after the end of a prompt says."""
        status = self._peek()
        assert status["type"] == "status"
        self.position += 1
        remaining: int = status["data"]["status"]["exec_info"]["queue_remaining"]
        return remaining

    def _peek(self) -> dict[str, Any]:
        following = self.frames[self.position]
        assert isinstance(following, dict)
        return following

    def _event(
        self,
        data: dict[str, Any],
        body: LifecycleEvent | ExecutionEvent,
        remaining: int = 0,
        client_id: str | None = None,
    ) -> Event:
        event = Event(
            prompt_id=data["prompt_id"],
            sequence=self.sequence + 1,
            happened_at=data.get("timestamp", 0) / 1000,
            client_id=self.client_id if client_id is None else client_id,
            body=body,
            queue_remaining=remaining,
        )
        if event.is_durable:
            self.sequence += 1
        return event


def _ref(entry: dict[str, Any]) -> NodeRef:
    return NodeRef(entry["node_id"], entry["display_node_id"], entry["parent_node_id"], entry["real_node_id"])


def _failure(data: dict[str, Any]) -> ExecutionFailed:
    return ExecutionFailed(
        node_id=data["node_id"],
        node_type=data["node_type"],
        exception_type=data["exception_type"],
        exception_message=data["exception_message"].rstrip("\n"),
        executed_node_ids=tuple(data["executed"]),
        current_inputs_json=json.dumps(data["current_inputs"]).encode(),
    )


def _blocked(data: dict[str, Any]) -> NodeBlocked:
    message = data["exception_message"].removeprefix("Execution Blocked: ")
    return NodeBlocked(NodeRef.of_workflow(data["node_id"]), data["node_type"], message, tuple(data["executed"]))


def _picture(frame: bytes) -> tuple[str, bytes]:
    """Media type and picture of a binary frame."""
    event_type, second = struct.unpack(">II", frame[:8])
    if event_type == 4:
        return json.loads(frame[8 : 8 + second])["image_type"], frame[8 + second :]
    return {1: "image/jpeg", 2: "image/png"}[second], frame[8:]
