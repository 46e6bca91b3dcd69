"""How every queue keeps the lines that executors write, and tells those who follow."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from services.errors import InvalidArgument
from services.queue.log_book import MAX_FOLLOWERS
from services.queue.logs import LogFollowers, LogLine, LogLines
from services.queue.prompts import Queue
from services.queue.records import Notice
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import submission
from tests.queue.running import run_one
from tests.queue.watching import eventually

LINE = LogLine(written_at=1.5, text="hello\n", prompt_id="p")


async def notices(queue: Queue, count: int) -> list[Notice]:
    """The first notices of those who begin to watch all prompts."""
    told: list[Notice] = []
    async with aclosing(queue.watch()) as batches, asyncio.timeout(10):
        while len(told) < count:
            told += [event.body for event in await anext(batches) if isinstance(event.body, Notice)]
    return told


async def test_what_an_executor_writes_can_be_read_with_what_is_said_about_prompts(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        executor.say(LogLines((LINE,)))

        async def written() -> bool:
            return bool(await queue.logs())

        await eventually(written)  # before the prompt comes, which takes another road
        prompt_id = await run_one(queue, executor, submission(1))
    lines = await queue.logs()
    assert [(line.text, line.prompt_id, line.executor_id) for line in lines] == [
        ("hello\n", "p", "executor"),
        ("got prompt\n", prompt_id, ""),
        ("Prompt executed in 0.00 seconds\n", prompt_id, ""),
    ]
    assert lines[0].written_at == 1.5
    assert [line.text for line in await queue.logs("p")] == ["hello\n"]
    assert await queue.logs("nobody") == []


async def test_lines_are_among_the_events_while_somebody_follows(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        executor.say(LogLines((LINE,)))  # told to nobody
        await run_one(queue, executor, submission(1))
        await queue.follow_logs("client", enabled=True)
        watching = asyncio.create_task(notices(queue, 2))
        await asyncio.sleep(0.05)
        executor.say(LogLines((LINE,)))
        followers, lines = await watching
    assert followers == LogFollowers(("client",))
    assert isinstance(lines, LogLines) and [line.text for line in lines.lines] == ["hello\n"]


async def test_who_follows_is_told_whenever_it_changes(queue: Queue) -> None:
    watching = asyncio.create_task(notices(queue, 3))
    await asyncio.sleep(0.05)
    for client_id, enabled in [("a", True), ("a", True), ("b", True), ("nobody", False), ("a", False)]:
        await queue.follow_logs(client_id, enabled=enabled)
    assert await watching == [LogFollowers(("a",)), LogFollowers(("a", "b")), LogFollowers(("b",))]
    assert await notices(queue, 1) == [LogFollowers(("b",))]


@pytest.mark.parametrize("client_id", ["", "x" * 257])
async def test_a_client_that_is_none_cannot_follow(queue: Queue, client_id: str) -> None:
    with pytest.raises(InvalidArgument):
        await queue.follow_logs(client_id, enabled=True)


async def test_so_many_follow_and_no_more(queue: Queue) -> None:
    for index in range(MAX_FOLLOWERS + 3):
        await queue.follow_logs(str(index), enabled=True)
    (followers,) = await notices(queue, 1)
    assert isinstance(followers, LogFollowers)
    assert followers.client_ids == tuple(str(index) for index in range(3, MAX_FOLLOWERS + 3))
