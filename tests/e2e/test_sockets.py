"""Clients with a socket, while the processes behind it come and go."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets.exceptions
from websockets.sync.client import ClientConnection, connect

from tests.e2e.stack import PATIENCE, Stack, running, wait_for
from tests.e2e.test_crashes import prompt, sleeping

Message = dict[str, Any]


@contextmanager
def listening(url: str, client_id: str) -> Iterator[ClientConnection]:
    """A client's socket, as soon as there is somebody to connect to."""
    address = f"{url.replace('http', 'ws')}/ws?clientId={client_id}"
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket = connect(address, proxy=None)
            break
        except (OSError, websockets.exceptions.InvalidMessage):
            assert time.monotonic() < deadline, "nobody answers"
            time.sleep(0.05)
    with socket:
        yield socket


def heard(socket: ClientConnection, enough: Callable[[Message], bool]) -> list[Message]:
    """What a socket is told, up to the message that is enough."""
    told: list[Message] = []
    while not told or not enough(told[-1]):
        frame = socket.recv(timeout=PATIENCE)
        if isinstance(frame, str):
            told.append(json.loads(frame))
    return told


def of_type(*types: str) -> Callable[[Message], bool]:
    return lambda message: message["type"] in types


def is_end(message: Message) -> bool:
    return message["type"] == "executing" and message["data"]["node"] is None


@pytest.mark.timeout(180)
def test_a_client_outlives_its_gateway_and_the_queue_in_mid_run(tmp_path: Path) -> None:
    with running(tmp_path) as stack:
        with listening(stack.url, "me") as socket:
            prompt_id = stack.submit(prompt(sleeping(8)), client_id="me")
            heard(socket, of_type("progress"))
            gateway = stack.child("gateway")
            gateway.kill()
            with pytest.raises(websockets.exceptions.ConnectionClosed):
                heard(socket, is_end)
        wait_for(lambda: stack.child("gateway").pid != gateway.pid, "another gateway")
        with listening(stack.url, "me") as socket:
            told = heard(socket, of_type("executing"))
            assert told[0]["data"]["sid"] == "me"
            assert told[0]["data"]["status"]["exec_info"]["queue_remaining"] == 1
            assert told[-1]["data"] == {"node": "2", "display_node": "2", "prompt_id": prompt_id}
            stack.child("queue").kill()
            told = heard(socket, is_end)
        types = [message["type"] for message in told]
        assert types.count("execution_success") == 1
        assert types[-3:] == ["execution_success", "status", "executing"]
        assert types.count("executed") == 1
        assert stack.finished(prompt_id)["status"]["status_str"] == "success"


@contextmanager
def another_gateway(stack: Stack) -> Iterator[str]:
    """A second gateway to the same services; its address."""
    files = next(match[1] for line in stack.log if (match := re.search(r"files .*listening on (\S+)", line)))
    process = subprocess.Popen(
        [sys.executable, "-m", "services", "gateway", "--port", "0", "--queue", stack.queue, "--files", files],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        yield "http://" + next(match[1] for line in lines if (match := re.search(r"listening on (\S+)", line)))
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


@pytest.mark.timeout(120)
def test_a_prompt_that_one_gateway_took_is_told_by_another(stack: Stack) -> None:
    with another_gateway(stack) as url, listening(url, "elsewhere") as socket:
        prompt_id = stack.submit(prompt(sleeping(0.2)), client_id="elsewhere")
        told = heard(socket, is_end)
        assert told[-1]["data"]["prompt_id"] == prompt_id
        types = [message["type"] for message in told if message["type"] not in ("status", "progress_state", "progress")]
        assert types[:2] == ["execution_start", "execution_cached"]
        assert types[-3:] == ["executed", "execution_success", "executing"]
        history = httpx.get(f"{url}/history/{prompt_id}", trust_env=False, timeout=PATIENCE).json()
        assert history[prompt_id]["status"]["completed"]


@pytest.mark.timeout(120)
def test_a_client_that_listens_after_a_fast_prompt_is_told_all_of_it_once(stack: Stack) -> None:
    prompt_id = stack.submit(prompt(), client_id="late")
    stack.finished(prompt_id)
    with listening(stack.url, "late") as socket:
        told = heard(socket, is_end)
    expected = ["status", "execution_start", "execution_cached", "executed", "execution_success", "executing"]
    assert [message["type"] for message in told] == expected
    with listening(stack.url, "late") as socket:
        again = stack.submit(prompt(sleeping(0.1)), client_id="late")
        told = heard(socket, is_end)
    assert {message["data"]["prompt_id"] for message in told if message["type"] != "status"} == {again}
