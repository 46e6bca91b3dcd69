"""Entries of `/jobs`: prompts as the newer web UI lists them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, NotRequired, TypedDict

import msgspec

from services.gateway.raw_json import RawObject
from services.gateway.translate.entries import ExecutionStatus, shown_extra_data, status
from services.gateway.translate.messages import lasting_message
from services.gateway.translate.numbers import milliseconds, plain
from services.graph.events import ExecutionFailed, ExecutionStarted
from services.queue.records import Prompt, PromptState
from services.queue.results import shown_nodes

JobStatus = Literal["pending", "in_progress", "completed", "failed", "cancelled"]

#: ComfyUI's word for a state. An interrupted prompt was cancelled: nothing about it failed.
STATUS: dict[PromptState, JobStatus] = {
    PromptState.PENDING: "pending",
    PromptState.RUNNING: "in_progress",
    PromptState.SUCCEEDED: "completed",
    PromptState.FAILED: "failed",
    PromptState.INTERRUPTED: "cancelled",
    PromptState.CANCELLED: "cancelled",
}

#: Kinds of output that a browser can show as a picture, a film, sound or a scene.
PREVIEWABLE = frozenset({"images", "gifs", "video", "videos", "audio", "3d"})


class Job(TypedDict):
    """A prompt in a list: how it stands, and one output to show. Times are milliseconds since the epoch."""

    id: str
    status: JobStatus
    priority: float
    create_time: int
    execution_start_time: NotRequired[int]
    execution_end_time: NotRequired[int]
    execution_error: NotRequired[RawObject]
    outputs_count: int
    previewable_outputs_count: int
    preview_output: NotRequired[RawObject]
    workflow_id: NotRequired[str]
    #: the job that ran, when its result is this one's as well
    reused_from: NotRequired[str]


class JobInFull(Job):
    """A prompt by itself: with its workflow, and when it has finished with its outputs and what happened."""

    workflow: RawObject
    outputs: NotRequired[dict[str, RawObject]]
    execution_status: NotRequired[ExecutionStatus]


class Pagination(TypedDict):
    """Which part of a list this is; no limit is null."""

    offset: int
    limit: int | None
    total: int
    has_more: bool


class Jobs(TypedDict):
    """Some jobs of all that were asked for."""

    jobs: list[Job]
    pagination: Pagination


def job(prompt: Prompt) -> Job:
    """A prompt in a list: how it stands, and one output to show."""
    outputs = list(_outputs(prompt))
    previewable = [output for output in outputs if output["mediaType"] in PREVIEWABLE and "filename" in output]
    entry: Job = {
        "id": prompt.prompt_id,
        "status": STATUS[prompt.state],
        "priority": plain(prompt.number),
        "create_time": milliseconds(prompt.submitted_at),
        "outputs_count": len(outputs),
        "previewable_outputs_count": len(previewable),
    }
    if prompt.state.is_terminal:
        _add_end(entry, prompt)
    if previewable:
        # What was saved says more about a job than a preview on the way there.
        entry["preview_output"] = next((it for it in previewable if it.get("type") == "output"), previewable[0])
    if prompt.workflow_id:
        entry["workflow_id"] = prompt.workflow_id
    if prompt.reused_from:
        entry["reused_from"] = prompt.reused_from
    return entry


def job_in_full(prompt: Prompt) -> dict[str, Any]:
    """A prompt by itself: a `JobInFull`."""
    workflow = {"prompt": msgspec.Raw(prompt.graph_json), "extra_data": shown_extra_data(prompt)}
    entry = {**job(prompt), "workflow": workflow}
    if prompt.state.is_terminal:
        shown = shown_nodes(prompt)
        entry["outputs"] = {body.node.node_id: msgspec.Raw(body.output_json) for body in shown}
        entry["execution_status"] = status(prompt)
    return entry


def _add_end(entry: Job, prompt: Prompt) -> None:
    """When a finished prompt ran, if it did, and why it failed."""
    began = [event.happened_at for event in prompt.events if isinstance(event.body, ExecutionStarted)]
    if began or prompt.started_at is not None:
        entry["execution_start_time"] = milliseconds(began[-1] if began else prompt.started_at or 0.0)
        entry["execution_end_time"] = milliseconds(prompt.events[-1].happened_at)
    failure = next((event for event in prompt.events if isinstance(event.body, ExecutionFailed)), None)
    if failure is not None and (message := lasting_message(failure)) is not None:
        entry["execution_error"] = message[1]


def _outputs(prompt: Prompt) -> Iterator[dict[str, Any]]:
    """What the nodes show, one after the other, with the node and the kind of each."""
    for body in shown_nodes(prompt):
        shown = json.loads(body.output_json)
        for kind, items in shown.items() if isinstance(shown, dict) else ():
            for item in items if isinstance(items, list) else ():
                if isinstance(item, dict):
                    yield {**item, "nodeId": body.node.node_id, "mediaType": kind}
