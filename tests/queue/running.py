"""Letting a prompt be run in tests."""

from __future__ import annotations

from services.queue.prompts import Queue
from services.queue.records import Submission
from tests.queue.executor import FakeExecutor
from tests.queue.watching import story


async def run_one(queue: Queue, executor: FakeExecutor, prompt: Submission) -> str:
    """Submit a prompt and let it succeed."""
    accepted = await queue.submit(prompt)
    executor.succeed((await executor.assignment()).lease)
    await story(queue, accepted.prompt_id)
    return accepted.prompt_id
