"""Items of `/queue` and entries of `/history`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypedDict

import msgspec

from services.gateway.raw_json import RawObject, members
from services.gateway.translate.messages import lasting_message
from services.gateway.translate.numbers import plain
from services.graph.credentials import is_credential
from services.graph.events import (
    ExecutionFailed,
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeRef,
    NodesCached,
)
from services.queue.records import Prompt, PromptState
from services.queue.results import last_attempt, shown_nodes

_STATUS_MESSAGES = (ExecutionStarted, NodesCached, ExecutionSucceeded, ExecutionFailed, ExecutionInterrupted)


class QueueItem(NamedTuple):
    """A prompt as it was submitted."""

    number: float
    prompt_id: str
    prompt: RawObject
    extra_data: RawObject
    #: ids of the output nodes to run
    outputs_to_execute: Sequence[str]


class QueueInfo(TypedDict):
    """What runs, by when it began, and what waits, in the order in which it will run."""

    queue_running: list[QueueItem]
    queue_pending: list[QueueItem]


class ExecutionStatus(TypedDict):
    """How a prompt ended: messages are pairs of a type and its data."""

    status_str: Literal["success", "error"]
    completed: bool
    messages: Sequence[Any]


class NodeMeta(TypedDict):
    """Which node an output is of, where it is shown, and what made it when a node was expanded."""

    node_id: str
    display_node: str
    parent_node: str | None
    real_node_id: str


class HistoryItem(TypedDict):
    """What became of a prompt: its outputs by node, and the messages of the attempt that counted."""

    prompt: QueueItem
    outputs: dict[str, RawObject]
    status: ExecutionStatus
    meta: dict[str, NodeMeta]


def queue_item(prompt: Prompt) -> QueueItem:
    """A prompt in a list of those that wait or run."""
    return QueueItem(
        plain(prompt.number),
        prompt.prompt_id,
        msgspec.Raw(prompt.graph_json),
        shown_extra_data(prompt),
        prompt.output_node_ids,
    )


def history_entry(prompt: Prompt) -> HistoryItem:
    """A finished prompt in the history."""
    shown = shown_nodes(prompt)
    return {
        "prompt": queue_item(prompt),
        "outputs": {body.node.node_id: msgspec.Raw(body.output_json) for body in shown},
        "status": status(prompt),
        "meta": {body.node.node_id: _meta(body.node) for body in shown},
    }


def status(prompt: Prompt) -> ExecutionStatus:
    """How a finished prompt ended, and the messages of the attempt that counted."""
    succeeded = prompt.state is PromptState.SUCCEEDED
    told = [event for event in last_attempt(prompt.events) if isinstance(event.body, _STATUS_MESSAGES)]
    return {
        "status_str": "success" if succeeded else "error",
        "completed": succeeded,
        "messages": [lasting_message(event) for event in told],
    }


def shown_extra_data(prompt: Prompt) -> msgspec.Raw | dict[str, msgspec.Raw]:
    """What came with a prompt, without credentials."""
    found = members(prompt.extra_data_json)
    if not any(map(is_credential, found)):
        return msgspec.Raw(prompt.extra_data_json)
    return {key: value for key, value in found.items() if not is_credential(key)}


def _meta(node: NodeRef) -> NodeMeta:
    return {
        "node_id": node.node_id,
        "display_node": node.display_node_id,
        "parent_node": node.parent_node_id,
        "real_node_id": node.real_node_id,
    }
