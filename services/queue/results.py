"""What became of a finished prompt: what its nodes show, the files among that, why it failed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import msgspec

from services.graph.events import ExecutionFailed, ExecutionStarted, NodeFinished
from services.queue.records import Event, Prompt


class OutputFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a node shows; kind, subfolder and filename are its name at the file service."""

    node_id: str
    #: what kind of thing: "images", "audio", ...
    media: str
    #: "output" for what was saved, "temp" for what was merely shown, "input" for what was there before
    kind: str
    subfolder: str
    filename: str


def output_files(prompt: Prompt) -> list[OutputFile]:
    """The files that a finished prompt shows, in the order in which its nodes ended."""
    return [file for body in shown_nodes(prompt) for file in files_of(body)]


def failure(prompt: Prompt) -> ExecutionFailed | None:
    """Why a prompt failed; None when it did not."""
    failures = (event.body for event in reversed(prompt.events) if isinstance(event.body, ExecutionFailed))
    return next(failures, None)


def shown_nodes(prompt: Prompt) -> list[NodeFinished]:
    """The nodes that had something to show in the attempt that counted."""
    events = last_attempt(prompt.events)
    return [event.body for event in events if isinstance(event.body, NodeFinished) and event.body.output_json]


def last_attempt(events: Sequence[Event]) -> Sequence[Event]:
    """The events since the last start; what came before was void."""
    starts = [index for index, event in enumerate(events) if isinstance(event.body, ExecutionStarted)]
    return events[starts[-1] :] if starts else events


def files_of(body: NodeFinished) -> Iterator[OutputFile]:
    """The files that a node shows."""
    try:
        output = json.loads(body.output_json)
    except ValueError:  # a pack's own words: whoever asks for files must not fail over them
        return
    for media, items in output.items() if isinstance(output, dict) else ():
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and isinstance(item.get("filename"), str):
                yield OutputFile(
                    node_id=body.node.node_id,
                    media=media,
                    kind=str(item.get("type") or "output"),
                    subfolder=str(item.get("subfolder") or ""),
                    filename=item["filename"],
                )
