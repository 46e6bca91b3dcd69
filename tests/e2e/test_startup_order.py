"""Services that start in the least helpful order, and one that goes and comes back."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.stack import wait_for
from tests.e2e.test_secured import GRAPH, history, process


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def test_services_wait_for_each_other_whatever_starts_first(tmp_path: Path) -> None:
    queue, files = free_address(), free_address()
    data, models = ["--data", str(tmp_path / "data")], ["--models", str(tmp_path / "models")]
    for name in ("data", "models"):
        (tmp_path / name).mkdir()
    services, metrics = ["--queue", queue, "--files", files], ["--metrics-listen", ""]
    with ExitStack() as stack:
        gateway = stack.enter_context(process("gateway", "--port", "0", "--front-end", "none", *services))
        client = stack.enter_context(httpx.Client(base_url=f"http://{gateway}", trust_env=False, timeout=60))

        def reasons() -> str:
            answer = client.get("/ready")
            assert answer.status_code in (200, 503)
            return "" if answer.status_code == 200 else str(answer.json())

        def run() -> Any:
            prompt_id = client.post("/prompt", json={"prompt": GRAPH}).raise_for_status().json()["prompt_id"]
            return history(client, prompt_id, {})["status"]["status_str"]

        assert client.get("/health/live").status_code == 200
        assert "the queue" in reasons()
        assert "the file service" in reasons()
        assert client.post("/prompt", json={"prompt": GRAPH}).status_code == 503
        listen = ["--listen", "127.0.0.1:0", "--device", "cpu", "--drain-seconds", "0"]
        stack.enter_context(process("executor", *listen, *services, *data, *models, *metrics))
        serving = process("files", "--listen", files, *data, *models, *metrics)
        with serving:
            wait_for(lambda: "the file service" not in reasons(), "the file service being found")
            assert "the queue" in reasons()
            stack.enter_context(process("queue", "--listen", queue, *data, *metrics))
            wait_for(lambda: not reasons(), "everything being found")
            assert run() == "success"
        wait_for(lambda: "the file service" in reasons(), "the file service being missed")
        assert client.get("/health/live").status_code == 200
        with process("files", "--listen", files, *data, *models, *metrics):
            wait_for(lambda: not reasons(), "the file service being found again")
            assert run() == "success"
