"""A line for every step of a prompt's life."""

from __future__ import annotations

import logging

import pytest

from services.graph.events import ExecutionFailed, ExecutionStarted
from services.queue.prompts import Queue
from services.queue.work import LeaseRelease
from tests.queue.clock import ManualClock
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import submission
from tests.queue.watching import story


async def test_the_life_of_a_prompt_can_be_read(
    queue: Queue, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "services.queue.journal")
    async with FakeExecutor(queue, "gpu-1") as executor:
        prompt_id = (await queue.submit(submission(1, user_id="ada", client_id="me"))).prompt_id
        lease = (await executor.assignment()).lease
        executor.say(LeaseRelease(lease, "worker killed by signal 9", True))
        executor.beat()
        again = (await executor.assignment()).lease
        clock.advance(1.5)
        executor.tell(again, ExecutionStarted(), ExecutionFailed("1", "Number", "ValueError", "no"))
        await story(queue, prompt_id)
    lines = [
        (record.levelname, record.getMessage(), record.__dict__["about"])
        for record in caplog.records
        if record.name == "services.queue.journal"
    ]
    first, second = {"attempt": 1, "executor": "gpu-1"}, {"attempt": 2, "executor": "gpu-1"}
    assert lines == [
        ("INFO", "accepted", {"prompt_id": prompt_id, "user": "ada", "client": "me"}),
        ("INFO", "begun", {"prompt_id": prompt_id, **first}),
        ("WARNING", "waits again", {"prompt_id": prompt_id, **first, "reason": "worker killed by signal 9"}),
        ("INFO", "begun", {"prompt_id": prompt_id, **second}),
        ("WARNING", "failed", {"prompt_id": prompt_id, **second, "seconds": 1.5}),
    ]


async def test_a_prompt_that_never_ran_ends_without_an_attempt(queue: Queue, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "services.queue.journal")
    async with FakeExecutor(queue, slots=0):
        prompt_id = (await queue.submit(submission(1))).prompt_id
        await queue.cancel([prompt_id])
    last = [record for record in caplog.records if record.name == "services.queue.journal"][-1]
    assert (last.getMessage(), last.__dict__["about"]) == ("cancelled", {"prompt_id": prompt_id})
