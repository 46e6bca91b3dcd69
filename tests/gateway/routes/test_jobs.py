"""`/jobs` over HTTP, beyond what was recorded (see `tests.replay.test_jobs`)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from services.graph.events import ExecutionFailed, ExecutionStarted, ExecutionSucceeded, NodeFinished, NodeRef
from tests.gateway.executor import ScriptedRun
from tests.gateway.stack import GRAPH, SHOWN, TWO, Gateway, gateway, wait_for_interrupt

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDS = [f"p{number:02}" for number in range(9)]
SAVED = {"filename": "a_00001_.png", "subfolder": "sub", "type": "output"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled() -> AsyncIterator[Gateway]:
    """A gateway whose queue has finished nine jobs, three of a workflow."""
    async with gateway() as running:
        for number, prompt_id in enumerate(IDS):
            pnginfo = {"workflow": {"id": "wf"}} if number % 3 == 0 else {"workflow": [number]}
            await running.submit(prompt_id=prompt_id, extra_data={"extra_pnginfo": pnginfo})
            await running.finished(prompt_id)
        yield running


@pytest_asyncio.fixture
async def busy() -> AsyncIterator[Gateway]:
    """One job runs, two wait."""
    async with gateway(wait_for_interrupt) as running:
        await running.submit(prompt_id="runs")
        await running.begun("runs")
        for prompt_id in ("waits", "waits too"):
            await running.submit(prompt_id=prompt_id)
        yield running


async def listed(gateway: Gateway, query: str = "") -> list[str]:
    return [job["id"] for job in (await gateway.http.get(f"/api/jobs{query}")).json()["jobs"]]


@pytest.mark.parametrize("offset", [0, 1, 8, 9, 10, 2**31, 10**30])
@pytest.mark.parametrize("limit", [None, 1, 4, 9, 1000, 2**31, 10**30])
async def test_every_page_is_a_part_of_the_whole(filled: Gateway, limit: int | None, offset: int) -> None:
    query = f"?offset={offset}" + (f"&limit={limit}" if limit is not None else "")
    answer = await filled.http.get(f"/api/jobs{query}")
    assert answer.status_code == 200
    expected = IDS[::-1][offset:][:limit]
    assert [job["id"] for job in answer.json()["jobs"]] == expected
    pagination = answer.json()["pagination"]
    assert (pagination["total"], pagination["has_more"]) == (9, offset + len(expected) < 9)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?workflow_id=wf", ["p06", "p03", "p00"]),
        ("?workflow_id=wf&sort_order=ASC&limit=2", ["p00", "p03"]),
        ("?workflow_id=wf&status=failed", []),
        ("?status=COMPLETED,%20failed&limit=1", ["p08"]),
        ("?status=cancelled", []),
        ("?sort_by=create_time&limit=1", ["p08"]),
    ],
)
async def test_jobs_are_chosen_and_ordered(filled: Gateway, query: str, expected: list[str]) -> None:
    assert await listed(filled, query) == expected


@pytest.mark.parametrize("query", ["limit=1.5", "limit=", "offset=%00", "sort_by=", "sort_order=up", "status=a,b"])
async def test_a_question_that_makes_no_sense_is_refused(filled: Gateway, query: str) -> None:
    answer = await filled.http.get(f"/api/jobs?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.asyncio(loop_scope="function")
async def test_a_job_is_cancelled_wherever_it_is(busy: Gateway) -> None:
    for job_id, cancelled in [("waits", True), ("runs", True), ("waits", False), ("nope", False)]:
        answer = await busy.http.post(f"/api/jobs/{job_id}/cancel")
        assert (answer.status_code, answer.json()) == (200, {"cancelled": cancelled})
    await busy.finished("runs")
    assert await listed(busy, "?status=cancelled") == ["waits", "runs"]
    waits = (await busy.http.get("/api/jobs/waits")).json()
    assert "execution_start_time" not in waits
    assert (waits["outputs"], waits["workflow"]["prompt"]) == ({}, GRAPH)


@pytest.mark.asyncio(loop_scope="function")
async def test_jobs_are_cancelled_together_or_not_at_all(busy: Gateway) -> None:
    answer = await busy.http.post("/api/jobs/cancel", json={"job_ids": ["waits", "nope"]})
    assert (answer.status_code, answer.json()) == (404, {"error": "Job not found"})
    assert await listed(busy, "?status=cancelled") == []
    answer = await busy.http.post("/jobs/cancel", json={"job_ids": ["waits", "waits", "waits too"]})
    assert answer.json() == {"cancelled": ["waits", "waits too"]}
    assert await listed(busy, "?status=in_progress") == ["runs"]


@pytest.mark.parametrize("body", ["", "zz", "[]", "{}", '{"job_ids": "waits"}', '{"job_ids": [1]}'])
async def test_a_cancellation_of_nothing_in_particular_is_refused(filled: Gateway, body: str) -> None:
    answer = await filled.http.post("/api/jobs/cancel", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


@pytest.mark.asyncio(loop_scope="function")
async def test_what_was_saved_is_shown_rather_than_a_preview() -> None:
    shown = {"images": [SAVED], "text": ["words"], "animated": [True], "latents": [{"filename": "x.latent"}]}

    async def show(run: ScriptedRun) -> None:
        run.emit(
            ExecutionStarted(),
            NodeFinished(TWO, json.dumps(SHOWN).encode(), False),
            NodeFinished(NodeRef.of_workflow("1"), json.dumps(shown).encode(), False),
            ExecutionSucceeded(),
        )

    async with gateway(show) as running:
        await running.finished(await running.submit(prompt_id="p"))
        job: dict[str, Any] = (await running.http.get("/api/jobs/p")).json()
        assert job["preview_output"] == {**SAVED, "nodeId": "1", "mediaType": "images"}
        assert (job["outputs_count"], job["previewable_outputs_count"]) == (3, 2)
        assert job["outputs"] == {"2": SHOWN, "1": shown}


@pytest.mark.asyncio(loop_scope="function")
async def test_outputs_that_are_no_numbers_do_not_matter() -> None:
    async def show(run: ScriptedRun) -> None:
        run.emit(ExecutionStarted(), NodeFinished(TWO, b'{"x": [NaN], "y": 5}', False), ExecutionSucceeded())

    async with gateway(show) as running:
        await running.finished(await running.submit(prompt_id="p"))
        answer = await running.http.get("/api/jobs")
        assert (answer.status_code, answer.json()["jobs"][0]["outputs_count"]) == (200, 0)


@pytest.mark.asyncio(loop_scope="function")
async def test_a_failed_job_says_why_in_the_list() -> None:
    async def fail(run: ScriptedRun) -> None:
        run.emit(ExecutionStarted(), ExecutionFailed("1", "EmptyImage", "ValueError", "boom"))

    async with gateway(fail) as running:
        await running.finished(await running.submit(prompt_id="p"))
        (job,) = (await running.http.get("/api/jobs?status=failed")).json()["jobs"]
        assert job["execution_error"]["exception_message"] == "boom\n"
        assert job["execution_end_time"] >= job["execution_start_time"] >= job["create_time"]


@pytest.mark.asyncio(loop_scope="function")
async def test_more_jobs_than_a_message_holds_are_listed_completely() -> None:
    async with gateway() as running:
        ids = [await running.submit() for _ in range(150)]
        await running.finished(ids[-1])
        assert await listed(running) == ids[::-1]
        assert await listed(running, "?limit=100&offset=20") == ids[::-1][20:120]


async def test_a_job_is_exported_whole(filled: Gateway) -> None:
    answer = await filled.http.get(f"/api/jobs/{IDS[0]}/export")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")
    document = answer.json()
    assert (document["schema"], document["prompt_id"], document["state"]) == (
        "silverprint.export/1",
        IDS[0],
        "succeeded",
    )
    assert document["graph"] == GRAPH
    assert document["attempts"][0]["outcome"] == "succeeded"
    assert (await filled.http.get(f"/jobs/{IDS[0]}/export")).content == answer.content
    unknown = await filled.http.get("/api/jobs/nobody/export")
    assert (unknown.status_code, unknown.json()) == (404, {"error": "Job not found"})
