"""A real stack of real processes, started by the command that users start."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

PACKS = Path(__file__).resolve().parents[1] / "packs"

#: Seconds until something that surely happens has happened, on a busy machine.
PATIENCE = 60.0


def wait_for(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """The first true value of `condition`."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    pytest.fail(f"{what} did not happen within {patience:.0f} s")


@dataclass
class Stack:
    """A running `silverprint up`."""

    process: subprocess.Popen[str]
    data: Path
    url: str
    queue: str
    files: str
    log: list[str]
    #: kept, since a new one reads every certificate of the system
    client: httpx.Client

    def child(self, service: str) -> psutil.Process:
        """The process of one service, once it is there."""
        found: psutil.Process = wait_for(lambda: next(self._children(service), None), f"a process for {service}")
        return found

    def _children(self, service: str) -> Iterator[psutil.Process]:
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # it may be gone, or waiting to be buried
                if service in child.cmdline():
                    yield child

    def line(self, text: str, after: int = 0) -> int:
        """The place in the log of the first line with this text, once it is there."""
        return int(
            wait_for(lambda: next((n for n, line in enumerate(self.log[after:], after + 1) if text in line), 0), text)
        )

    def worker(self) -> psutil.Process:
        """The executor's worker process, once it is there."""
        found: list[psutil.Process] = wait_for(lambda: self.child("executor").children(), "a worker")
        return found[0]

    def get(self, path: str, **params: Any) -> Any:
        """The JSON that the gateway answers."""
        return self.client.get(path, params=params).raise_for_status().json()

    def post(self, path: str, body: Any) -> httpx.Response:
        """The gateway's answer to a JSON body."""
        return self.client.post(path, json=body)

    def submit(self, graph: dict[str, Any], **more: Any) -> str:
        """Queue a prompt; returns its id."""
        answer = self.post("/prompt", {"prompt": graph, **more})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["prompt_id"])

    def finished(self, prompt_id: str) -> dict[str, Any]:
        """The history entry of a prompt, once it has ended."""
        entry: dict[str, Any] = wait_for(
            lambda: self.get(f"/history/{prompt_id}").get(prompt_id), f"the end of {prompt_id}"
        )
        return entry


@contextmanager
def running(data: Path, custom_nodes: Path = PACKS, **variables: str) -> Iterator[Stack]:
    """Start `silverprint up` on free ports, with node packs and `SILVERPRINT_…` variables; end it for certain."""
    process = subprocess.Popen(
        [sys.executable, "-m", "services", "up", "--port", "0", "--queue-port", "0", "--files-port", "0"]
        + ["--data", str(data), "--models", str(data / "models"), "--custom-nodes", str(custom_nodes)],
        env=os.environ | {f"SILVERPRINT_{name.upper()}": value for name, value in variables.items()},
        stderr=subprocess.PIPE,
        text=True,
    )
    log: list[str] = []
    reader = threading.Thread(target=_collect, args=(process, log), daemon=True)
    reader.start()
    descendants: list[psutil.Process] = []
    try:
        url = wait_for(lambda: _found(log, r"ready at (\S+)"), "readiness")
        queue = wait_for(lambda: _found(log, r"queue .*listening on (\S+)"), "the queue's address")
        files = wait_for(lambda: _found(log, r"files .*listening on (\S+)"), "the file service's address")
        with httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False) as client:
            yield Stack(process, data, url, queue, files, log, client)
    finally:
        if process.poll() is None:
            descendants = psutil.Process(process.pid).children(recursive=True)
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for descendant in descendants:
            if descendant.is_running():
                descendant.kill()
        reader.join(5)
        assert process.stderr is not None
        process.stderr.close()


def _collect(process: subprocess.Popen[str], log: list[str]) -> None:
    assert process.stderr is not None
    log.extend(iter(process.stderr.readline, ""))


def _found(log: list[str], pattern: str) -> str | None:
    return next((match[1] for line in list(log) if (match := re.search(pattern, line))), None)
