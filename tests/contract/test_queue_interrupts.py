"""An interrupt reaches the run that was meant or none, and says when it has ended, by every queue there is."""

from __future__ import annotations

import asyncio
import random

import pytest

from services.graph.events import ExecutionSucceeded
from services.queue.prompts import Queue
from services.queue.records import Assignment, Interrupted, PromptState
from services.queue.work import Interruption
from tests.queue.executor import PATIENCE, FakeExecutor
from tests.queue.nodes import submission
from tests.queue.watching import story

PROMPTS = 60


async def test_an_interrupt_may_be_waited_for(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        lease = (await executor.assignment()).lease
        interrupting = asyncio.create_task(queue.interrupt([prompt_id, "nobody"], wait=20.0))
        assert (await executor.next(Interruption)).lease == lease
        assert not interrupting.done()
        executor.interrupted(lease)
        assert await interrupting == Interrupted([prompt_id], [prompt_id])
        assert (await queue.get(prompt_id)).state is PromptState.INTERRUPTED


async def test_what_was_done_anyway_has_ended_as_well(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        lease = (await executor.assignment()).lease
        interrupting = asyncio.create_task(queue.interrupt([prompt_id], wait=20.0))
        await executor.next(Interruption)
        executor.succeed(lease)
        assert await interrupting == Interrupted([prompt_id], [prompt_id])
        assert (await queue.get(prompt_id)).state is PromptState.SUCCEEDED


async def test_nobody_waits_for_longer_than_they_said(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        await executor.assignment()
        assert await queue.interrupt([prompt_id], wait=0.05) == Interrupted([prompt_id], [])
        assert await queue.interrupt(["nobody"], wait=20.0) == Interrupted([], [])


@pytest.mark.parametrize("seed", range(3))
async def test_interrupts_at_any_moment_reach_the_prompt_that_was_meant_or_none(queue: Queue, seed: int) -> None:
    """Prompts come and end while others are interrupted; the executor stops what it is told to, if it still runs it."""
    chance = random.Random(seed)
    prompt_ids: list[str] = []
    asked: set[str] = set()
    async with FakeExecutor(queue) as executor:
        working = asyncio.create_task(_run_all(executor, random.Random(seed + 100)))
        for number in range(PROMPTS):
            prompt_ids.append((await queue.submit(submission(number))).prompt_id)
            if chance.random() < 0.7:
                asked.update((await queue.interrupt([chance.choice(prompt_ids[-3:])])).asked)
        told = await asyncio.wait_for(working, PATIENCE)
        ends = {prompt_id: (await story(queue, prompt_id))[-1].body for prompt_id in prompt_ids}
    assert told <= asked
    assert {prompt_id for prompt_id, end in ends.items() if not isinstance(end, ExecutionSucceeded)} <= told


async def _run_all(executor: FakeExecutor, chance: random.Random) -> set[str]:
    """Run prompts as they come, each for a moment or until it is interrupted; the prompts that it was told to stop."""
    told: set[str] = set()
    ended, lease = 0, None
    while ended < PROMPTS:
        try:
            patience = chance.choice([0.0, 0.001, 0.01]) if lease else PATIENCE
            message = await asyncio.wait_for(executor.anything(), patience)
        except TimeoutError:
            assert lease is not None
            executor.succeed(lease)
            ended, lease = ended + 1, None
            continue
        if isinstance(message, Assignment):
            lease = message.lease
            continue
        assert isinstance(message, Interruption)
        told.add(message.lease.prompt_id)
        if message.lease == lease:
            executor.interrupted(lease)
            ended, lease = ended + 1, None
    return told
