"""`/queue` and `/interrupt` over HTTP, with an executor that is busy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.gateway.stack import GRAPH, Gateway, gateway, wait_for_interrupt


@pytest_asyncio.fixture
async def busy() -> AsyncIterator[Gateway]:
    """One prompt runs; nothing ends until it is interrupted."""
    async with gateway(wait_for_interrupt) as running:
        await running.submit(prompt_id="runs", client_id="me")
        await running.begun("runs")
        yield running


async def queue(gateway: Gateway, path: str = "/queue") -> tuple[list[Any], list[Any]]:
    answer = (await gateway.http.get(path)).json()
    assert answer.keys() == {"queue_running", "queue_pending"}
    return answer["queue_running"], answer["queue_pending"]


async def pending_ids(gateway: Gateway) -> list[str]:
    return [item[1] for item in (await queue(gateway))[1]]


async def test_running_and_waiting_prompts_are_told_as_tuples(busy: Gateway) -> None:
    await busy.submit(prompt_id="waits", extra_data={"extra_pnginfo": {"workflow": {}}})
    running, pending = await queue(busy, "/api/queue")
    assert running == [[0, "runs", GRAPH, {"client_id": "me"}, ["2"]]]
    assert pending == [[1, "waits", GRAPH, {"extra_pnginfo": {"workflow": {}}}, ["2"]]]


async def test_waiting_prompts_are_told_in_the_order_in_which_they_will_run(busy: Gateway) -> None:
    asked: list[tuple[str, dict[str, Any]]] = [("b", {}), ("c", {}), ("front", {"front": True}), ("a", {"number": 0.5})]
    for prompt_id, more in asked:
        await busy.submit(prompt_id=prompt_id, **more)
    assert await pending_ids(busy) == ["front", "a", "b", "c"]


async def test_waiting_prompts_can_be_taken_back_and_running_ones_cannot(busy: Gateway) -> None:
    for prompt_id in "abcd":
        await busy.submit(prompt_id=prompt_id)
    for body, left in [
        ({"delete": ["b"]}, "acd"),
        ({"delete": ["nope", "runs"]}, "acd"),
        ({"delete": "c"}, "ad"),
        ({}, "ad"),
        ({"clear": False}, "ad"),
        ({"clear": True}, ""),
    ]:
        answer = await busy.http.post("/queue", json=body)
        assert (answer.status_code, answer.content, answer.headers.get("content-type")) == (200, b"", None)
        assert "".join(await pending_ids(busy)) == left
    assert [item[1] for item in (await queue(busy))[0]] == ["runs"]
    assert (await busy.http.get("/history")).json() == {}


async def test_interrupting_another_prompt_leaves_the_running_one_alone(busy: Gateway) -> None:
    await busy.submit(prompt_id="waits")
    answer = await busy.http.post("/interrupt", json={"prompt_id": "waits"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert [item[1] for item in (await queue(busy))[0]] == ["runs"]
    await busy.http.post("/interrupt", json={"prompt_id": "runs"})
    await busy.finished("runs")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"prompt_id": null}', b'{"prompt_id": ""}', b"zz"])
async def test_an_interrupt_that_names_no_prompt_stops_what_runs(busy: Gateway, body: bytes) -> None:
    answer = await busy.http.post("/interrupt", content=body)
    assert (answer.status_code, answer.content, answer.headers.get("content-type")) == (200, b"", None)
    assert (await busy.finished("runs"))["status"]["status_str"] == "error"


@pytest.mark.parametrize("body", [b"[1]", b'{"prompt_id": 5}', b'{"prompt_id": ["runs"]}'])
async def test_an_interrupt_that_names_something_else_is_refused(busy: Gateway, body: bytes) -> None:
    answer = await busy.http.post("/interrupt", content=body)
    assert answer.status_code == 400
    assert [item[1] for item in (await queue(busy))[0]] == ["runs"]


async def test_documented_clients_interrupt_with_get(busy: Gateway) -> None:
    assert (await busy.http.get("/interrupt")).status_code == 200
    await busy.finished("runs")


async def test_interrupting_an_idle_queue_stops_nothing_that_comes_later() -> None:
    async with gateway() as idle:
        assert (await idle.http.post("/interrupt")).status_code == 200
        entry = await idle.finished(await idle.submit())
        assert entry["status"]["status_str"] == "success"
