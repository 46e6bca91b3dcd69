"""`/internal` over HTTP: logs, folders and files."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any

import pytest

from services.files.records import FileKind
from services.gateway.service import serving
from services.queue.logs import LogLine, LogLines
from tests.gateway.stack import Gateway, gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

LINE = LogLine(written_at=1_700_000_000.25, text="hello\n", prompt_id="p")


async def logged(gateway: Gateway, text: str) -> None:
    """Return once a line is in the log."""
    for _ in range(500):
        if text in (await gateway.http.get("/internal/logs")).text:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{text!r} never came")


async def test_the_log_can_be_read_as_a_text_and_line_by_line(shared: Gateway) -> None:
    shared.executor.say(LogLines((LINE,)))
    await logged(shared, "hello")
    time = datetime.fromtimestamp(LINE.written_at).isoformat(timespec="microseconds")
    assert f"{time} - hello\n" in (await shared.http.get("/internal/logs")).json()
    raw = (await shared.http.get("/internal/logs/raw?prompt_id=p")).json()
    assert raw == {"entries": [{"t": time, "m": "hello\n"}], "size": None}
    assert (await shared.http.get("/internal/logs?prompt_id=nobody")).json() == ""


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("xx", "the body"),
        ("[]", "the body"),
        ('{"enabled": true}', "clientId"),
        ('{"clientId": "me"}', "enabled"),
        ('{"clientId": "me", "enabled": "yes"}', "enabled"),
        ('{"clientId": null, "enabled": true}', "clientId"),
        ('{"clientId": "", "enabled": true}', "client id"),
    ],
)
async def test_a_subscription_of_nobody_is_refused(shared: Gateway, body: str, named: str) -> None:
    answer = await shared.http.patch("/internal/logs/subscribe", content=body)
    assert answer.status_code == 400
    assert named in answer.json()["error"]["message"]


@pytest.mark.asyncio(loop_scope="function")
async def test_lines_are_told_to_subscribers_on_every_gateway_and_to_nobody_else() -> None:
    async with (
        gateway() as first,
        serving(first.settings) as port,
        first.socket("me") as socket,
        first.socket("other") as other,
    ):
        for enabled in (True, False):
            body = {"clientId": "me", "enabled": enabled}
            answer = await first.http.patch(f"http://127.0.0.1:{port}/internal/logs/subscribe", json=body)
            assert (answer.status_code, answer.content) == (200, b"")
            first.executor.say(LogLines((LogLine(written_at=1.0, text=f"{enabled}\n"),)))
            await logged(first, str(enabled))
        await first.finished(await first.submit())
        told = await _until_idle(socket)
        assert [entry["m"] for data in told["logs"] for entry in data["entries"]] == ["True\n"]
        assert "logs" not in await _until_idle(other)


async def _until_idle(socket: Any) -> dict[str, list[Any]]:
    """What a socket is told, by type, until the queue is empty again after a prompt."""
    told: dict[str, list[Any]] = {}
    async with asyncio.timeout(10):
        while len(told.get("status", ())) < 4:
            message = json.loads(await socket.recv())
            told.setdefault(message["type"], []).append(message["data"])
    return told


async def test_folders_of_models_are_told_without_where_they_are_on_the_host(shared: Gateway) -> None:
    folders = (await shared.http.get("/internal/folder_paths")).json()
    assert list(folders) == (await shared.http.get("/models")).json()
    assert folders["loras"] == ["models/loras"]


@pytest.mark.parametrize("kind", [FileKind.INPUT, FileKind.OUTPUT, FileKind.TEMP])
async def test_files_are_listed_newest_first_without_hidden_ones(shared: Gateway, kind: FileKind) -> None:
    for name in ("b.png", "a.png", ".hidden"):
        await shared.store(name, name.encode(), kind)
        await asyncio.sleep(0.01)
    await shared.store("c.png", b"c", kind, "sub")
    listed = (await shared.http.get(f"/internal/files/{kind.value}")).json()
    assert listed[:2] == ["a.png", "b.png"]
    assert not {".hidden", "c.png", "sub"} & set(listed)


@pytest.mark.parametrize("kind", ["nonsense", "userdata", "models", "INPUT"])
async def test_other_folders_cannot_be_listed(shared: Gateway, kind: str) -> None:
    answer = await shared.http.get(f"/internal/files/{kind}")
    assert (answer.status_code, answer.json()) == (400, {"error": "Invalid directory type"})


@pytest.mark.parametrize("path", ["/api/internal/logs", "/api/internal/folder_paths"])
async def test_nothing_internal_has_the_prefix(shared: Gateway, path: str) -> None:
    assert (await shared.http.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/internal", "/internal/", "/internal/nothing"])
async def test_what_is_not_there_is_said_in_words(shared: Gateway, path: str) -> None:
    answer = await shared.http.get(path)
    assert (answer.status_code, answer.text) == (404, "404: Not Found")


async def test_the_verb_of_a_subscription_is_patch(shared: Gateway) -> None:
    answer = await shared.http.post("/internal/logs/subscribe", json={"clientId": "nobody", "enabled": True})
    assert (answer.status_code, answer.text, answer.headers["allow"]) == (405, "405: Method Not Allowed", "PATCH")
