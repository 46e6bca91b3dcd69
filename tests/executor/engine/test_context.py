from __future__ import annotations

import threading
from typing import Any

import pytest

from services.executor.engine.context import (
    Interrupted,
    NodeContext,
    PreviewImage,
    current_context,
    enter_context,
    leave_context,
)
from services.graph.events import ExecutionEvent, NodePreview, NodeProgress, NodeRef
from tests.executor.engine.bench import run_context

NODE = NodeRef.of_workflow("3")


def refuse_to_encode() -> bytes:
    raise AssertionError("nobody watches")


def test_there_is_no_context_outside_a_node() -> None:
    with pytest.raises(LookupError, match="no node is running here"):
        current_context()


def test_the_current_context_is_the_nodes_and_ends_with_it() -> None:
    context = NodeContext(run_context(), NODE, lambda event: None)

    token = enter_context(context)
    inside = current_context()
    leave_context(token)

    assert inside is context
    assert (inside.prompt_id, inside.node) == ("the-prompt", NODE)
    with pytest.raises(LookupError):
        current_context()


def test_a_thread_of_a_node_has_no_context_of_its_own() -> None:
    token = enter_context(NodeContext(run_context(), NODE, lambda event: None))
    outcome: list[Any] = []

    def look() -> None:
        try:
            outcome.append(current_context())
        except LookupError:
            outcome.append(None)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    leave_context(token)

    assert outcome == [None]


def test_progress_is_reported_and_a_preview_only_made_when_somebody_watches() -> None:
    events: list[ExecutionEvent] = []
    run = run_context()
    context = NodeContext(run, NODE, events.append)

    context.progress(1, 2, PreviewImage("image/jpeg", refuse_to_encode))
    run.previews_wanted.set()
    context.progress(2, 2, PreviewImage("image/jpeg", lambda: b"jpeg"))

    assert events == [NodeProgress(NODE, 1, 2), NodeProgress(NODE, 2, 2), NodePreview(NODE, "image/jpeg", b"jpeg")]


def test_progress_of_an_interrupted_run_is_not_reported() -> None:
    events: list[ExecutionEvent] = []
    run = run_context()
    run.interrupted.set()

    with pytest.raises(Interrupted):
        NodeContext(run, NODE, events.append).progress(1, 2)
    assert events == []
