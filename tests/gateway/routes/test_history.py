"""`/history` over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from services.graph.events import ExecutionFailed, ExecutionStarted, NodeFinished, NodesCached
from tests.gateway.executor import ScriptedRun
from tests.gateway.stack import GRAPH, SHOWN, TWO, Gateway, gateway, wait_for_interrupt

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDS = [f"p{number:02}" for number in range(8)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled() -> AsyncIterator[Gateway]:
    """A gateway whose queue has finished eight prompts, in order."""
    async with gateway() as running:
        for prompt_id in IDS:
            await running.submit(prompt_id=prompt_id)
            await running.finished(prompt_id)
        yield running


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", IDS),
        ("?max_items=2", IDS[-2:]),
        ("?max_items=100000", IDS),
        ("?max_items=0", []),
        ("?max_items=-1", []),
        ("?max_items=2&offset=0", IDS[:2]),
        ("?max_items=2&offset=1", IDS[1:3]),
        ("?offset=3", IDS[3:]),
        ("?offset=-1", IDS),
        ("?max_items=2&offset=-1", IDS[-2:]),
        ("?offset=100000", []),
        ("?offset=99999999999999999999", []),
        ("?max_items=99999999999999999999", IDS),
        ("?max_items=99999999999999999999&offset=6", IDS[6:]),
        ("?offset=-99999999999999999999", IDS),
        ("?prompt_id=p03", ["p03"]),
        ("?prompt_id=nope", []),
        ("?prompt_id=&max_items=1", IDS[-1:]),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_a_part_of_the_history_can_be_asked_for(
    filled: Gateway, prefix: str, query: str, expected: list[str]
) -> None:
    answer = await filled.http.get(f"{prefix}/history{query}")
    assert answer.status_code == 200
    assert list(answer.json()) == expected


@pytest.mark.parametrize("query", ["max_items=abc", "max_items=", "offset=abc", "offset=1.5", "max_items=%00"])
async def test_what_is_no_number_is_refused_by_name(filled: Gateway, query: str) -> None:
    answer = await filled.http.get(f"/history?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()["error"]["message"]


async def test_an_entry_has_the_prompt_its_outputs_and_what_happened(filled: Gateway) -> None:
    entry = (await filled.http.get("/history/p03")).json()["p03"]
    assert entry["prompt"] == [3, "p03", GRAPH, {}, ["2"]]
    assert entry["outputs"] == {"2": SHOWN}
    assert entry["meta"] == {"2": {"node_id": "2", "display_node": "2", "parent_node": None, "real_node_id": "2"}}
    assert (entry["status"]["status_str"], entry["status"]["completed"]) == ("success", True)
    assert [name for name, _ in entry["status"]["messages"]] == [
        "execution_start",
        "execution_cached",
        "execution_success",
    ]
    for _, data in entry["status"]["messages"]:
        assert data["prompt_id"] == "p03"
        assert data["timestamp"] > 1_600_000_000_000


async def test_a_prompt_that_does_not_exist_has_an_empty_history(filled: Gateway) -> None:
    answer = await filled.http.get("/history/nope")
    assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.asyncio(loop_scope="function")
async def test_entries_can_be_deleted_and_all_be_cleared() -> None:
    async with gateway() as running:
        for prompt_id in ("a", "b", "c", "d"):
            await running.submit(prompt_id=prompt_id)
            await running.finished(prompt_id)
        for body, left in [
            ({}, "abcd"),
            ({"delete": ["nope"]}, "abcd"),
            ({"delete": ["b"]}, "acd"),
            ({"delete": "c"}, "ad"),
            ({"clear": False}, "ad"),
            ({"clear": True}, ""),
        ]:
            answer = await running.http.post("/history", json=body)
            assert (answer.status_code, answer.content, answer.headers.get("content-type")) == (200, b"", None)
            assert "".join((await running.http.get("/history")).json()) == left


@pytest.mark.parametrize("path", ["/history", "/queue"])
@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("zz", "the body"),
        ("", "the body"),
        ("[1]", "the body"),
        ('{"delete": 5}', "delete"),
        ('{"delete": [5]}', "delete"),
        ('{"delete": {"a": 1}}', "delete"),
        ('{"clear": "yes"}', "clear"),
    ],
)
async def test_a_selection_that_is_none_is_refused(shared: Gateway, path: str, body: str, named: str) -> None:
    answer = await shared.http.post(path, content=body)
    assert answer.status_code == 400
    assert named in answer.json()["error"]["message"]


@pytest.mark.asyncio(loop_scope="function")
async def test_a_failed_prompt_says_why_and_keeps_what_it_had_shown() -> None:
    async def fail(run: ScriptedRun) -> None:
        run.emit(ExecutionStarted(), NodesCached(("1",)), NodeFinished(TWO, json.dumps(SHOWN).encode(), False))
        run.emit(ExecutionFailed("1", "EmptyImage", "ValueError", "boom", ("line\n",), ("2",), b'{"width": [64]}'))

    async with gateway(fail) as running:
        entry = await running.finished(await running.submit(prompt_id="p"))
        assert entry["outputs"] == {"2": SHOWN}
        assert (entry["status"]["status_str"], entry["status"]["completed"]) == ("error", False)
        name, data = entry["status"]["messages"][-1]
        assert name == "execution_error"
        assert data.pop("timestamp") > 0
        assert data == {
            "prompt_id": "p",
            "node_id": "1",
            "node_type": "EmptyImage",
            "executed": ["2"],
            "exception_message": "boom\n",
            "exception_type": "ValueError",
            "traceback": ["line\n"],
            "current_inputs": {"width": [64]},
            "current_outputs": ["2"],
        }


@pytest.mark.asyncio(loop_scope="function")
async def test_an_interrupted_prompt_is_an_error_that_did_not_complete() -> None:
    async with gateway(wait_for_interrupt) as running:
        prompt_id = await running.submit()
        await running.begun(prompt_id)
        assert (await running.http.get(f"/history/{prompt_id}")).json() == {}
        assert (await running.http.post("/interrupt")).status_code == 200
        status = (await running.finished(prompt_id))["status"]
        assert (status["status_str"], status["completed"]) == ("error", False)
        assert status["messages"][-1][0] == "execution_interrupted"


@pytest.mark.asyncio(loop_scope="function")
async def test_a_long_history_is_told_completely() -> None:
    async with gateway() as running:
        padding = {"extra_pnginfo": {"workflow": "x" * 20_000}}
        ids = [await running.submit(extra_data=padding) for _ in range(150)]
        await running.finished(ids[-1])
        history: dict[str, Any] = (await running.http.get("/history")).json()
        assert sorted(history) == sorted(ids)
        assert list((await running.http.get("/history?max_items=100")).json()) == list(history)[-100:]
