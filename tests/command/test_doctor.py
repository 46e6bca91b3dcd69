"""The doctor, called to installations that are broken for real."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from services.command.doctor import Settings, main
from services.queue.prompts import Queue
from services.queue.servicer import QueueServicer
from services.queue.stores.memory import MemoryStore
from services.rpc.security import Security
from services.rpc.server import serve
from tests.gateway.stack import gateway

NOBODY = "127.0.0.1:1"


async def found(capsys: pytest.CaptureFixture[str], **more: Any) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and what was found by subject; of services that are not there unless named."""
    usual: dict[str, Any] = {
        "queue": NOBODY,
        "files": NOBODY,
        "gateway": f"http://{NOBODY}",
        "torch": False,
        "json": True,
    }
    capsys.readouterr()
    code = await asyncio.to_thread(main, Settings(**{**usual, **more}))
    findings = json.loads(capsys.readouterr().out)
    return code, {finding["subject"]: finding for finding in findings}


async def test_it_has_something_to_say_when_nothing_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, findings = await found(capsys, data=tmp_path, models=(tmp_path,))
    assert code == 1
    down = {subject for subject, finding in findings.items() if finding["level"] == "problem"}
    assert down == {f"queue at {NOBODY}", f"files at {NOBODY}", f"gateway at http://{NOBODY}"}
    assert "Connection refused" in findings[f"queue at {NOBODY}"]["state"]
    assert all(findings[subject]["remedy"] for subject in down)
    assert findings["data"]["level"] == findings["disk"]["level"] == findings["gRPC"]["level"] == "ok"
    assert findings["models"]["level"] == "warning"


async def test_all_is_well_where_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "a.safetensors").touch()
    async with gateway() as served:
        there = {"queue": served.settings.queue, "files": served.settings.files}
        url = f"http://127.0.0.1:{served.port}"
        code, findings = await found(capsys, gateway=url, data=tmp_path, models=(tmp_path,), **there)
    bad = {subject: finding for subject, finding in findings.items() if finding["level"] == "problem"}
    assert (code, bad) == (0, {})
    assert findings[f"gateway at {url}"]["state"] == "accepts prompts and has them run"
    assert "executor executor-1" in findings


async def test_without_executors_nothing_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with gateway(executor=False) as served:
        url = f"http://127.0.0.1:{served.port}"
        code, findings = await found(capsys, gateway=url, queue=served.settings.queue, data=tmp_path)
    assert code == 1
    assert findings["executors"]["state"] == "none is connected: nothing runs"
    assert "no executor is connected" in findings[f"gateway at {url}"]["state"]


async def test_a_token_that_it_was_not_given_is_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = "0123456789abcdef"
    queue = Queue(MemoryStore())
    await queue.start()
    async with serve("127.0.0.1:0", [QueueServicer(queue).entry], security=Security(token=token)) as server:
        _, findings = await found(capsys, queue=server.address, data=tmp_path)
        assert "calls need the token" in findings["token"]["state"]
        _, findings = await found(capsys, queue=server.address, data=tmp_path, token=token)
        assert "token" not in findings
    await queue.close()


async def test_another_program_on_the_port_is_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with HTTPServer(("127.0.0.1", 0), _Stranger) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        _, findings = await found(capsys, gateway=url, data=tmp_path)
        server.shutdown()
    assert findings[f"gateway at {url}"]["state"] == "what answers there is no gateway of ours"


class _Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no folder in which nobody can write")
async def test_folders_that_cannot_be_used_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "queue.sqlite3").touch(mode=0o666)
    (tmp_path / "queue.sqlite3").chmod(0o666)
    for data, state in [(tmp_path / "file", "is not a folder"), (Path("/proc"), "cannot be written")]:
        code, findings = await found(capsys, data=data)
        assert (code, findings["data"]["level"]) == (1, "problem")
        assert state in findings["data"]["state"]
    _, findings = await found(capsys, data=tmp_path, models=(tmp_path / "nowhere",))
    assert findings["databases"]["state"] == "others may write queue.sqlite3"
    assert "nowhere does not exist" in findings["models"]["state"]


def test_people_are_told_in_lines(tmp_path: Path) -> None:
    flags = ["--data", str(tmp_path), "--queue", NOBODY, "--files", NOBODY, "--gateway", f"http://{NOBODY}"]
    told = subprocess.run(
        [sys.executable, "-m", "services", "doctor", *flags], capture_output=True, text=True, timeout=100
    )
    assert told.returncode == 1
    assert f"problem  queue at {NOBODY}: does not answer" in told.stdout
    assert "         → silverprint queue --listen" in told.stdout
    assert "ok       torch: 2." in told.stdout
    assert told.stdout.splitlines()[-1].startswith("3 problems, ")
    assert "\x1b" not in told.stdout
