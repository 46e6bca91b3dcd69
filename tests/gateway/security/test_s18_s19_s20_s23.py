"""Uploads that fill memory (S18), credentials that are shown (S19), command lines (S20), names in headers (S23)."""

from __future__ import annotations

import json
import sys
from typing import Any

import psutil
import pytest

from tests.gateway.stack import Gateway, gateway, wait_for_interrupt

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRETS = {
    "auth_token_comfy_org": "SECRET-1",
    "api_key_comfy_org": "SECRET-2",
    "apiKey": "SECRET-3",
    "password": "SECRET-4",
    "my_client_secret": "SECRET-5",
}


@pytest.mark.asyncio(loop_scope="function")
async def test_s18_a_large_upload_does_not_fill_memory() -> None:
    chunk = bytes(1 << 20)
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="large.bin"\r\n\r\n'

    async def body() -> Any:
        yield head
        for _ in range(120):
            yield chunk
            sizes.append(psutil.Process().memory_info().rss)
        yield b"\r\n--c--\r\n"

    sizes: list[int] = []
    async with gateway(max_upload_mb=300) as roomy:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = await roomy.http.post("/upload/image", content=body(), headers=headers)
        assert answer.status_code == 400  # the boundary at the end is not ours: all was read, nothing is stored
    assert max(sizes) - sizes[0] < 24 << 20


@pytest.mark.asyncio(loop_scope="function")
async def test_s19_credentials_of_a_submitter_are_shown_to_nobody() -> None:
    async with gateway(wait_for_interrupt) as running:
        for prompt_id in ("runs", "waits"):
            await running.submit(prompt_id=prompt_id, extra_data={**SECRETS, "other": 1, "extra_pnginfo": {"a": 2}})
        await running.begun("runs")
        queue = await running.http.get("/queue")
        assert "SECRET" not in queue.text
        for path in ("/jobs", "/jobs/runs", "/jobs/waits", "/internal/logs/raw", "/status"):
            answer = await running.http.get(path)
            assert answer.status_code == 200
            assert "SECRET" not in answer.text
        for items in queue.json().values():
            assert [item[3] for item in items] == [{"other": 1, "extra_pnginfo": {"a": 2}}]
        assert json.loads((await running.queue.get("runs")).extra_data_json)["apiKey"] == "SECRET-3"
        await running.http.post("/queue", json={"clear": True})
        await running.http.post("/interrupt")
        entry = await running.finished("runs")
        assert entry["prompt"][3] == {"other": 1, "extra_pnginfo": {"a": 2}}
        assert "SECRET" not in (await running.http.get("/history")).text
        for job in ("runs", "waits"):
            workflow = (await running.http.get(f"/jobs/{job}")).json()["workflow"]
            assert workflow["extra_data"] == {"other": 1, "extra_pnginfo": {"a": 2}}


async def test_s20_the_command_line_is_private(shared: Gateway) -> None:
    for path in ("/system_stats", "/internal/logs", "/internal/folder_paths", "/health", "/metrics"):
        text = (await shared.http.get(path)).text
        assert sys.executable not in text
        assert "pytest" not in text


@pytest.mark.parametrize(
    ("filename", "header"),
    [
        ('a"b.png', 'inline; filename="a\\"b.png"'),
        ("sp ace é.png", "inline; filename=\"sp ace _.png\"; filename*=UTF-8''sp%20ace%20%C3%A9.png"),
        ("漢;字.png", "inline; filename=\"_;_.png\"; filename*=UTF-8''%E6%BC%A2%3B%E5%AD%97.png"),
        ("a%0d%0ab.txt", 'attachment; filename="a%0d%0ab.txt"'),
    ],
)
async def test_s23_odd_names_stay_inside_their_header(shared: Gateway, filename: str, header: str) -> None:
    await shared.store(filename, b"x")
    answer = await shared.http.get("/view", params={"filename": filename})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == header
