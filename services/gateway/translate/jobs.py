"""Entries of `/jobs`: prompts as the newer web UI lists them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from services.gateway.translate.entries import shown_extra_data, shown_nodes, status
from services.gateway.translate.messages import lasting_message
from services.gateway.translate.numbers import milliseconds, plain
from services.graph.events import ExecutionFailed, ExecutionStarted
from services.queue.records import Prompt, PromptState

#: ComfyUI's word for a state. An interrupted prompt was cancelled: nothing about it failed.
STATUS = {
    PromptState.PENDING: "pending",
    PromptState.RUNNING: "in_progress",
    PromptState.SUCCEEDED: "completed",
    PromptState.FAILED: "failed",
    PromptState.INTERRUPTED: "cancelled",
    PromptState.CANCELLED: "cancelled",
}

#: Kinds of output that a browser can show as a picture, a film, sound or a scene.
PREVIEWABLE = frozenset({"images", "gifs", "video", "videos", "audio", "3d"})


def job(prompt: Prompt) -> dict[str, Any]:
    """A prompt in a list: how it stands, and one output to show."""
    entry: dict[str, Any] = {
        "id": prompt.prompt_id,
        "status": STATUS[prompt.state],
        "priority": plain(prompt.number),
        "create_time": milliseconds(prompt.submitted_at),
    }
    if prompt.state.is_terminal:
        entry |= _end(prompt)
    outputs = list(_outputs(prompt))
    entry["outputs_count"] = len(outputs)
    previewable = [output for output in outputs if output["mediaType"] in PREVIEWABLE and "filename" in output]
    entry["previewable_outputs_count"] = len(previewable)
    if previewable:
        # What was saved says more about a job than a preview on the way there.
        entry["preview_output"] = next((it for it in previewable if it.get("type") == "output"), previewable[0])
    if prompt.workflow_id:
        entry["workflow_id"] = prompt.workflow_id
    return entry


def job_in_full(prompt: Prompt) -> dict[str, Any]:
    """A prompt by itself: with its workflow, and when it has finished with its outputs and what happened."""
    entry = job(prompt)
    if prompt.state.is_terminal:
        shown = shown_nodes(prompt)
        entry["outputs"] = {body.node.node_id: msgspec.Raw(body.output_json) for body in shown}
        entry["execution_status"] = status(prompt)
    workflow = {"prompt": msgspec.Raw(prompt.graph_json), "extra_data": shown_extra_data(prompt)}
    return {**entry, "workflow": workflow}


def _end(prompt: Prompt) -> dict[str, Any]:
    """When a finished prompt ran, if it did, and why it failed."""
    end: dict[str, Any] = {}
    began = [event.happened_at for event in prompt.events if isinstance(event.body, ExecutionStarted)]
    if began or prompt.started_at is not None:
        end["execution_start_time"] = milliseconds(began[-1] if began else prompt.started_at or 0.0)
        end["execution_end_time"] = milliseconds(prompt.events[-1].happened_at)
    failure = next((event for event in prompt.events if isinstance(event.body, ExecutionFailed)), None)
    if failure is not None and (message := lasting_message(failure)) is not None:
        end["execution_error"] = message[1]
    return end


def _outputs(prompt: Prompt) -> Iterator[dict[str, Any]]:
    """What the nodes show, one after the other, with the node and the kind of each."""
    for body in shown_nodes(prompt):
        shown = json.loads(body.output_json)
        for kind, items in shown.items() if isinstance(shown, dict) else ():
            for item in items if isinstance(items, list) else ():
                if isinstance(item, dict):
                    yield {**item, "nodeId": body.node.node_id, "mediaType": kind}
