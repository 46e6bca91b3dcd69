"""Answering prompts from earlier ones: with the files that they name, and the files that were made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.files.records import FileKind, FileName
from tests.gateway.stack import GRAPH, SHOWN, Gateway, gateway
from tests.gateway.test_websocket import kinds, receive, until_end

MADE = SHOWN["images"][0]["filename"]

PICTURE: dict[str, Any] = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
}


@pytest.fixture
async def own() -> AsyncIterator[Gateway]:
    """A gateway whose prompts show a file that is there."""
    async with gateway() as own:
        await own.store(MADE, b"picture", FileKind.TEMP)
        yield own


async def source(own: Gateway, graph: dict[str, Any], reuse: bool | str = True) -> str:
    """The prompt that a new one was answered from, as `/jobs` tells; "itself" when it was run."""
    body = {"prompt": graph, "extra_data": {"reuse": reuse}}
    prompt_id = (await own.http.post("/prompt", json=body)).raise_for_status().json()["prompt_id"]
    await own.finished(prompt_id)
    return str((await own.http.get(f"/api/jobs/{prompt_id}")).json().get("reused_from", "itself"))


async def test_a_client_sees_a_whole_run(own: Gateway) -> None:
    first = await own.submit(extra_data={"reuse": True})
    before = await own.finished(first)
    async with own.socket("me") as socket:
        await receive(socket)
        again = await own.submit(client_id="me", extra_data={"reuse": True})
        frames = await until_end(socket)
    lasting = [frame for frame in frames if frame["type"] not in ("status", "progress_state")]
    assert kinds(lasting) == ["execution_start", "execution_cached", "executed", "execution_success", "executing"]
    assert lasting[1]["data"]["nodes"] == ["1", "2"]
    assert lasting[2]["data"]["output"] == SHOWN
    assert {frame["data"]["prompt_id"] for frame in lasting} == {again}
    after = await own.finished(again)
    assert (after["outputs"], after["status"]["status_str"]) == (before["outputs"], "success")


async def test_another_picture_under_the_same_name_is_another_prompt(own: Gateway) -> None:
    await own.store("example.png", b"one", FileKind.INPUT)
    assert await source(own, PICTURE) == "itself"
    assert await source(own, PICTURE) != "itself"
    await own.store("example.png", b"two", FileKind.INPUT)
    assert await source(own, PICTURE) == "itself"
    await own.store("example.png", b"one", FileKind.INPUT)
    assert await source(own, PICTURE) != "itself"


async def test_a_result_whose_files_are_gone_is_made_again(own: Gateway) -> None:
    assert await source(own, GRAPH) == "itself"
    assert await source(own, GRAPH) != "itself"
    await own.files.delete(FileName(FileKind.TEMP, "", MADE))
    assert await source(own, GRAPH) == "itself"
    await own.store(MADE, b"picture", FileKind.TEMP)
    assert await source(own, GRAPH) != "itself"


async def test_a_text_keeps_results_apart(own: Gateway) -> None:
    assert await source(own, GRAPH, "a") == "itself"
    assert await source(own, GRAPH, "b") == "itself"
    assert await source(own, GRAPH, "a") != "itself"


@pytest.mark.parametrize("prompt", [{}, {"1": {}}, {"1": {"class_type": "Nobody", "inputs": {}}}])
async def test_what_is_no_prompt_is_refused_as_ever(own: Gateway, prompt: dict[str, Any]) -> None:
    plain = await own.http.post("/prompt", json={"prompt": prompt})
    answer = await own.http.post("/prompt", json={"prompt": prompt, "extra_data": {"reuse": True}})
    assert (answer.status_code, answer.json()) == (400, plain.json())
