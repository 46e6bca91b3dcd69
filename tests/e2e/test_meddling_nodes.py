"""A node that changes the process it runs in changes nothing for the prompts after it."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.e2e.stack import Stack
from tests.e2e.test_bad_nodes import assert_next_prompt_works, error_of, graph


def seen(stack: Stack) -> Any:
    """What a node finds around it."""
    return stack.finished(stack.submit(graph("look around", "MisbehaveAndShow")))["outputs"]["2"]["seen"]


@pytest.mark.parametrize(
    "how",
    [
        "close standard streams",
        "close sys.stdout",
        "replace sys.stdout",
        "write 100 MB",
        "fork",
        "fork and wait",
        "leave a thread",
        "leave a thread that reports",
        "start threads that die",
        "change the directory",
        "let the directory vanish",
        "handle signals",
        "make warnings errors",
        "stop the collector",
        "install hooks that fail",
        "spoil torch",
    ],
)
def test_what_a_node_does_to_its_process_is_undone(fragile: Stack, how: str) -> None:
    before, worker = seen(fragile), fragile.worker().pid
    entry = fragile.finished(fragile.submit(graph(how)))
    assert entry["status"]["status_str"] == "success"
    assert entry["outputs"]["9"]["images"]
    assert seen(fragile) == before
    assert fragile.worker().pid == worker
    heard = len(fragile.log)
    assert_next_prompt_works(fragile)
    fragile.finished(fragile.submit(graph("picture with NaN")))
    assert fragile.line("not numbers (NaN)", after=heard), "the log goes on"


def test_nobody_answers_a_node_that_asks(fragile: Stack) -> None:
    error = error_of(fragile.finished(fragile.submit(graph("read standard input"))))
    assert (error["node_id"], error["exception_type"]) == ("2", "EOFError")
    assert_next_prompt_works(fragile)


def test_progress_that_is_no_number_reaches_clients_as_json(fragile: Stack) -> None:
    client_id = uuid.uuid4().hex
    with connect(f"{fragile.url.replace('http', 'ws')}/ws?clientId={client_id}", proxy=None) as socket:
        prompt_id = fragile.submit(graph("report nonsense"), client_id=client_id)
        told: list[Any] = []
        while not told or told[-1] != {"node": None, "prompt_id": prompt_id}:
            frame = socket.recv(timeout=60)
            if isinstance(frame, str):
                told.append(json.loads(frame, parse_constant=pytest.fail)["data"])
    assert fragile.finished(prompt_id)["status"]["status_str"] == "success"
