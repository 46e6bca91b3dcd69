"""Prompts are answered from equal ones that succeeded before, by every queue there is, when they are submitted so."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from services.graph.events import ExecutionStarted, ExecutionSucceeded, NodeFinished, NodesCached
from services.queue.life import Step
from services.queue.prompts import Queue
from services.queue.records import PromptState, Submission
from services.queue.stores.base import NewPrompt, QueueStore, Reuse
from tests.contract.prompts import new
from tests.contract.test_queue_store import assign, record
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import CLASSES, definition, graph, publication, submission
from tests.queue.running import run_one
from tests.queue.watching import names, story

SHOWN = b'{"text": ["1"]}'


async def answered_from(queue: Queue, asked: Submission) -> str:
    """The prompt that a submission was answered from; empty when it waits to be run."""
    prompt = await queue.get((await queue.submit(asked)).prompt_id)
    assert (prompt.state is PromptState.SUCCEEDED) is bool(prompt.reused_from)
    return prompt.reused_from


async def test_an_equal_prompt_has_succeeded_at_once_with_the_same_outputs(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        first = await run_one(queue, executor, submission(1, reuse=True))
        again = (await queue.submit(submission(1, reuse=True, client_id="me"))).prompt_id
        prompt, events = await queue.get(again), await story(queue, again)
        assert executor.nothing_more()
    expected = ["Submitted", "ExecutionStarted", "NodesCached", "NodeFinished", "ExecutionSucceeded"]
    assert names(events) == expected
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert {event.client_id for event in events} == {"me"}
    assert events[2].body == NodesCached(("1", "2"))
    shown = events[3].body
    assert isinstance(shown, NodeFinished) and (shown.output_json, shown.reused) == (SHOWN, True)
    assert (prompt.state, prompt.reused_from, prompt.attempts) == (PromptState.SUCCEEDED, first, ())
    assert prompt.submitted_at == prompt.started_at == prompt.finished_at


async def test_only_those_who_ask_for_it_are_answered_so(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        await run_one(queue, executor, submission(1))
        await run_one(queue, executor, submission(1, reuse=True))
        await run_one(queue, executor, submission(1))


@pytest.mark.parametrize(
    "other",
    [
        {"value": 2},
        {"user_id": "ann"},
        {"reuse_salt": b"another picture"},
        {"only_outputs": ("2",)},
        {"reuse_from": ""},
        {"reuse_from": "another"},
    ],
)
async def test_what_may_have_another_result_is_run(queue: Queue, other: dict[str, Any]) -> None:
    async with FakeExecutor(queue) as executor:
        await run_one(queue, executor, submission(1, reuse=True))
        await run_one(queue, executor, submission(**{"value": 1, "reuse": True, **other}))


async def test_what_only_front_ends_read_and_the_order_of_keys_make_no_difference(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        first = await run_one(queue, executor, submission(1, reuse=True))
        nodes = json.loads(graph(1))
        titled = {id_: {"_meta": {"title": "T"}, **nodes[id_]} for id_ in reversed(nodes)}
        assert await answered_from(queue, Submission(graph_json=json.dumps(titled).encode(), reuse=True)) == first


async def test_the_prompt_that_ran_is_named_even_by_the_answers_to_answers(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        first = await run_one(queue, executor, submission(1, reuse=True))
        assert await answered_from(queue, submission(1, reuse=True)) == first
        await queue.forget([first])
        assert await answered_from(queue, submission(1, reuse=True)) == first


async def test_what_did_not_succeed_is_no_answer(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1, reuse=True))).prompt_id
        executor.interrupted((await executor.assignment()).lease)
        await story(queue, prompt_id)
        waiting = (await queue.submit(submission(1, reuse=True))).prompt_id
        assert (await executor.assignment()).lease.prompt_id == waiting


async def test_a_node_whose_result_cannot_be_foreseen_is_run_each_time(queue: Queue) -> None:
    changing = {"Show": definition(output=True, number="NUMBER") | {"changes": True}}
    async with FakeExecutor(queue, catalogue=publication(CLASSES | changing)) as executor:
        for _ in range(2):
            await run_one(queue, executor, submission(1, reuse=True))


async def test_a_part_of_the_outputs_is_no_answer(queue: Queue) -> None:
    nodes = json.loads(graph(1)) | {"3": {"class_type": "Show", "inputs": {}}}
    asked = Submission(graph_json=json.dumps(nodes).encode(), reuse=True)
    async with FakeExecutor(queue) as executor:
        for _ in range(2):
            await run_one(queue, executor, asked)


async def test_whoever_asks_is_told_what_would_be_the_answer(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        assert await queue.find_reusable(submission(1, reuse=True)) is None
        first = await run_one(queue, executor, submission(1, reuse=True))
        found = await queue.find_reusable(submission(1, reuse=True))
        assert found is not None and found.prompt_id == first
        assert names(list(found.events))[-1] == "ExecutionSucceeded"
        assert await queue.find_reusable(submission(1)) is None
        assert await queue.find_reusable(Submission(graph_json=b"nonsense", reuse=True)) is None
        assert await answered_from(queue, submission(1, reuse=True, reuse_from=first)) == first


async def test_an_answer_is_the_same_answer_when_it_is_sent_again(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        await run_one(queue, executor, submission(1, reuse=True))
        again = submission(1, reuse=True, idempotency_key="once")
        first = await queue.submit(again)
        assert await queue.submit(msgspec.structs.replace(again, reuse_salt=b"now", reuse_from="")) == first


def reusable(prompt_id: str, source: str | None = None) -> NewPrompt:
    reuse = Reuse(digest=b"digest", source=source, node_ids=("1",))
    return msgspec.structs.replace(new(prompt_id), reuse=reuse, user_id="ann")


async def test_a_store_answers_from_the_prompt_that_succeeded_last(store: QueueStore) -> None:
    for number, prompt_id in enumerate(("p", "q", "r")):
        await store.add(reusable(prompt_id, ""))
        await store.apply(prompt_id, assign)
        events = [ExecutionStarted(), ExecutionSucceeded()]
        await store.apply(prompt_id, record(*events, now=9.0 - number))
    assert await store.reusable("ann", b"digest") == "p"
    assert await store.reusable("bob", b"digest") is None
    told: list[Step] = []
    store.listen(told.append)
    await store.add(msgspec.structs.replace(reusable("s", "r"), webhook_urls=("http://example.com/",)))
    (step,) = told
    assert (step.before, step.life.state, step.has_deliveries) == (None, PromptState.SUCCEEDED, True)
    prompt = await store.get("s")
    assert prompt is not None and prompt.reused_from == "r"
    assert list(prompt.events) == list(step.events)
    assert (await store.counts())[PromptState.SUCCEEDED] == 4
