"""Questions to executors, the first catalogue, and limits of what is taken in."""

from __future__ import annotations

import asyncio
import json

import pytest

from services.errors import InvalidArgument
from services.graph.complaints import Complaint
from services.graph.errors import PromptRejected
from services.queue import submissions
from services.queue.prompts import Queue
from services.queue.records import Submission
from services.queue.stores.memory import MemoryStore
from services.queue.work import Validation, ValidationAnswer
from tests.queue.clock import ManualClock
from tests.queue.conftest import running
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import CLASSES, publication, submission

PICKY = json.dumps({"7": {"class_type": "Picky", "inputs": {"value": 13}}}).encode()


async def test_a_class_that_checks_its_own_inputs_is_asked(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        submitting = asyncio.create_task(queue.submit(Submission(graph_json=PICKY)))
        question = await executor.next(Validation)
        assert (question.graph_json, question.node_ids) == (PICKY, ("7",))
        complaint = Complaint("value", "thirteen is unlucky")
        executor.say(ValidationAnswer("another question", {}))
        executor.say(ValidationAnswer(question.request_id, {"7": [complaint]}))
        with pytest.raises(PromptRejected) as rejection:
            await submitting
        assert b"custom_validation_failed" in rejection.value.node_errors_json
        assert b"thirteen is unlucky" in rejection.value.node_errors_json


async def test_a_class_without_complaints_is_content(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        submitting = asyncio.create_task(queue.submit(Submission(graph_json=PICKY)))
        executor.say(ValidationAnswer((await executor.next(Validation)).request_id, {}))
        assert (await submitting).node_errors_json == b"{}"


async def test_only_executors_with_the_class_are_asked(queue: Queue) -> None:
    others = publication({name: entry for name, entry in CLASSES.items() if name != "Picky"})
    async with FakeExecutor(queue, "other", slots=0, catalogue=others) as other:
        await queue.catalogue()
        async with FakeExecutor(queue, "knower", slots=0) as knower:
            while b"Picky" not in ((await queue.catalogue())[1] or b""):
                pass
            submitting = asyncio.create_task(queue.submit(Submission(graph_json=PICKY)))
            knower.say(ValidationAnswer((await knower.next(Validation)).request_id, {}))
            await submitting
            assert other.nothing_more()


async def test_nobody_is_waited_for_who_has_left(queue: Queue) -> None:
    async with FakeExecutor(queue, slots=0) as executor:
        submitting = asyncio.create_task(queue.submit(Submission(graph_json=PICKY)))
        await executor.next(Validation)
    await submitting
    await queue.submit(Submission(graph_json=PICKY))


async def test_an_executor_that_does_not_answer_in_time_is_not_waited_for(clock: ManualClock) -> None:
    async with running(MemoryStore(), clock, answer_timeout=0.05) as queue, FakeExecutor(queue, slots=0) as executor:
        await queue.submit(Submission(graph_json=PICKY))
        await executor.next(Validation)


async def test_a_submission_waits_for_the_first_catalogue(queue: Queue) -> None:
    submitting = asyncio.create_task(queue.submit(submission(1)))
    await asyncio.sleep(0)
    async with FakeExecutor(queue):
        assert (await submitting).number == 0


async def test_a_prompt_that_would_not_fit_into_a_message_is_refused(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "MAX_PROMPT_BYTES", 100)
    with pytest.raises(InvalidArgument, match="more than the 100 that are allowed"):
        await queue.submit(submission(1))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
async def test_a_number_that_has_no_place_in_an_order_is_refused(queue: Queue, number: float) -> None:
    with pytest.raises(InvalidArgument, match="number must be finite"):
        await queue.submit(submission(1, number=number))
