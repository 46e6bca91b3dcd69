"""What every queue tells its watchers."""

from __future__ import annotations

import asyncio

from services.graph.events import ExecutionStarted
from services.queue.prompts import Queue
from services.queue.records import PromptState
from tests.queue.executor import FakeExecutor, finished, progress, started
from tests.queue.nodes import submission
from tests.queue.running import run_one
from tests.queue.watching import names, story, until


async def test_the_history_is_readable_when_the_terminal_event_arrives(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        executor.succeed((await executor.assignment()).lease)
        async for batch in queue.watch(prompt_id):
            if batch and batch[-1].is_terminal:
                assert (await queue.get(prompt_id)).state is PromptState.SUCCEEDED


async def test_a_watch_resumes_after_what_was_seen(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        lease = (await executor.assignment()).lease
        executor.tell(lease, ExecutionStarted(), finished("1"))
        seen = await until(queue, prompt_id, lambda event: event.sequence == 4)
        executor.tell(lease, finished("2"))
        executor.succeed(lease)
        rest = await story(queue, prompt_id, after_sequence=seen[-1].sequence)
        assert [event.sequence for event in seen + rest] == list(range(1, 10))
        assert await story(queue, prompt_id, after_sequence=9) == []
        assert await story(queue, prompt_id, after_sequence=7) == rest[-2:]


async def test_whoever_watches_everything_is_told_first_what_runs(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        finished_before = await run_one(queue, executor, submission(1))
        prompt_id = (await queue.submit(submission(2))).prompt_id
        lease = (await executor.assignment()).lease
        executor.tell(lease, ExecutionStarted(), finished("9"), started("1"), progress("1", 1.0))
        executor.tell(lease, progress("1", 2.0))
        await until(queue, prompt_id, lambda event: event.body == progress("1", 2.0))
        watch = queue.watch()
        snapshot = list(await anext(watch))
        while "NodeProgress" not in names(snapshot):  # a replica that has heard of none may be the first to answer
            snapshot += await anext(watch)
        assert {event.prompt_id for event in snapshot} == {prompt_id} != {finished_before}
        assert names(snapshot) == [
            "Submitted",
            "Assigned",
            "ExecutionStarted",
            "NodeFinished",
            "NodeStarted",
            "NodeProgress",
        ]
        executor.succeed(lease)
        assert (await anext(watch))[-1].is_terminal
        await watch.aclose()


async def test_two_gateways_see_the_same(queue: Queue) -> None:
    async def gather(seen: list[str]) -> None:
        async for batch in queue.watch():
            began.set()
            seen += names(batch)
            if batch and batch[-1].is_terminal:
                return

    async with FakeExecutor(queue) as executor:
        stories: list[list[str]] = [[], []]
        gateways = []
        for seen in stories:
            began = asyncio.Event()
            gateways.append(asyncio.create_task(gather(seen)))
            await began.wait()
        await run_one(queue, executor, submission(1))
        await asyncio.wait_for(asyncio.gather(*gateways), 10)
        assert stories[0] == stories[1]
        assert stories[0][0] == "Submitted"
