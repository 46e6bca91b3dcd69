"""Waiting prompts meet free executors."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from services.database.sqlite import Writer
from services.queue.prompts import Queue
from services.queue.records import Assignment, Lease, Requeued, Stats
from services.queue.stores.sqlite import SqliteStore
from services.queue.work import Interruption, LeaseLost, LeaseRelease, PreviewDemand
from tests.queue.clock import ManualClock
from tests.queue.conftest import running
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import submission
from tests.queue.watching import eventually, happens, story

#: Whether two changes of a prompt meet in one commit is up to two threads: of many prompts, most of them do.
PROMPTS = 50


async def test_an_executor_gets_no_more_prompts_than_it_has_slots(queue: Queue) -> None:
    async with FakeExecutor(queue, slots=2) as executor:
        for i in range(3):
            await queue.submit(submission(i))
        first, _ = await executor.assignment(), await executor.assignment()
        assert await queue.stats() == Stats(pending=1, running=2)
        assert executor.nothing_more()
        executor.succeed(first.lease)
        assert (await executor.assignment()).graph_json == submission(2).graph_json


async def test_prompts_spread_over_the_executors(queue: Queue) -> None:
    async with FakeExecutor(queue, "a", slots=2) as a, FakeExecutor(queue, "b", slots=2) as b:
        for i in range(4):
            await queue.submit(submission(i))
        for executor in (a, b, a, b):
            await executor.assignment()
        assert await queue.stats() == Stats(pending=0, running=4)


async def test_an_executor_whose_worker_is_not_ready_waits(queue: Queue) -> None:
    async with FakeExecutor(queue, "ready") as ready, FakeExecutor(queue, "starting") as starting:
        starting.beat(free_slots=0)
        await _settled(queue, free=1)
        for i in range(2):
            await queue.submit(submission(i))
        await ready.assignment()
        assert starting.nothing_more()
        starting.beat(free_slots=1)
        assert (await starting.assignment()).graph_json == submission(1).graph_json


async def test_an_executor_that_has_been_silent_for_a_whole_lease_gets_nothing(
    queue: Queue, clock: ManualClock
) -> None:
    async with FakeExecutor(queue, "silent") as silent:
        await queue.catalogue()
        clock.advance(31)
        await queue.submit(submission(1))
        async with FakeExecutor(queue, "fresh") as fresh:
            await fresh.assignment()
            assert silent.nothing_more()


async def test_an_executor_that_gave_a_prompt_back_gets_none_before_it_says_that_there_is_room(queue: Queue) -> None:
    async with FakeExecutor(queue, "dying") as dying:
        lease = (await _assigned(queue, dying, 1)).lease
        dying.say(LeaseRelease(lease, "worker killed by signal 9", True))
        await happens(queue, lease.prompt_id, Requeued)
        async with FakeExecutor(queue, "fresh") as fresh:
            assert (await fresh.assignment()).lease.prompt_id == lease.prompt_id
            assert dying.nothing_more()


async def test_a_cancelled_prompt_makes_way_for_the_next(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        lease = (await _assigned(queue, executor, 0)).lease
        dropped, kept = [(await queue.submit(submission(i))).prompt_id for i in (1, 2)]
        await queue.cancel([dropped])
        executor.succeed(lease)
        assert (await executor.assignment()).lease.prompt_id == kept


async def test_hundreds_of_prompts_pass_through_a_few_executors(queue: Queue) -> None:
    async def work(executor: FakeExecutor) -> None:
        while True:
            executor.succeed((await executor.assignment()).lease)

    async with FakeExecutor(queue, "a", slots=3) as a, FakeExecutor(queue, "b") as b:
        working = [asyncio.create_task(work(executor)) for executor in (a, b)]
        answers = await asyncio.gather(*(queue.submit(submission(i)) for i in range(200)))
        stories = await asyncio.gather(*(story(queue, answer.prompt_id) for answer in answers))
        assert all(sum(event.is_terminal for event in events) == 1 for events in stories)
        for task in working:
            task.cancel()
        await asyncio.wait(working)


async def test_an_executor_is_told_when_somebody_begins_to_watch_previews_and_when_nobody_does(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        assignment = await _assigned(queue, executor, 1)
        assert not assignment.previews_wanted
        watch = queue.watch(assignment.lease.prompt_id, previews=True)
        await anext(watch)
        assert await executor.next(PreviewDemand) == PreviewDemand(assignment.lease, True)
        another = queue.watch(previews=True)
        await anext(another)
        await watch.aclose()
        assert executor.nothing_more()
        await another.aclose()
        assert await executor.next(PreviewDemand) == PreviewDemand(assignment.lease, False)


async def test_an_assignment_says_whether_previews_are_watched(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        watch = queue.watch(previews=True)
        await anext(watch)
        assert (await _assigned(queue, executor, 1)).previews_wanted
        await watch.aclose()


async def test_an_interruption_never_overtakes_its_assignment(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        await queue.catalogue()
        prompt_id = (await queue.submit(submission(1))).prompt_id

        async def it_is_asked_to_stop() -> bool:
            return (await queue.interrupt([prompt_id])).asked == [prompt_id]

        await eventually(it_is_asked_to_stop)
        lease = (await executor.assignment()).lease
        assert (await executor.next(Interruption)).lease == lease


async def test_leases_that_have_ended_are_no_room_for_others(queue: Queue) -> None:
    """An executor names some when it moves to another replica, which may not have heard of their ends."""
    async with FakeExecutor(queue) as executor:
        ended = []
        for value in range(3):
            ended.append((await _assigned(queue, executor, value)).lease)
            await _run_on(queue, executor, ended[-1])
        executor.beat(*ended, free_slots=0)
        for lease in ended:
            assert (await executor.next(LeaseLost)).lease == lease
        for value in (3, 4, 5):
            await queue.submit(submission(value))
        await executor.assignment()
        assert executor.nothing_more()
        assert await queue.stats() == Stats(pending=2, running=1)


async def _run_on(queue: Queue, executor: FakeExecutor, lease: Lease) -> None:
    executor.succeed(lease)
    await story(queue, lease.prompt_id)


@pytest.mark.parametrize("one_by_one", [True, False])
async def test_what_leads_to_an_assignment_is_committed_with_it(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, one_by_one: bool
) -> None:
    commits = count()
    commit = Writer._commit

    def counted(writer: Writer, group: list[Any]) -> None:
        next(commits)
        commit(writer, group)

    monkeypatch.setattr(Writer, "_commit", counted)
    store = await SqliteStore.open(tmp_path / "queue.sqlite3")
    async with running(store, clock) as queue, FakeExecutor(queue) as executor:
        await queue.catalogue()
        before = next(commits)
        prompt_ids = []
        for value in range(PROMPTS):
            prompt_ids.append((await queue.submit(submission(value))).prompt_id)
            if one_by_one:
                await _run(queue, executor, prompt_ids.pop())
        for prompt_id in prompt_ids:
            await _run(queue, executor, prompt_id)
        together = 3 * PROMPTS - (next(commits) - before - 1)  # it is submitted, assigned and recorded
    await store.close()
    assert together > PROMPTS // 2


async def _run(queue: Queue, executor: FakeExecutor, prompt_id: str) -> None:
    executor.succeed((await executor.assignment()).lease)
    await story(queue, prompt_id)


async def _assigned(queue: Queue, executor: FakeExecutor, value: int) -> Assignment:
    await queue.submit(submission(value))
    return await executor.assignment()


async def _settled(queue: Queue, free: int) -> None:
    async def is_so() -> bool:
        return sum(executor.free_slots for executor in await queue.executors()) == free

    await eventually(is_so)
