"""Leases run out when nobody renews them, and only then."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.errors import Unavailable
from services.graph.events import ExecutionFailed, ExecutionInterrupted, ExecutionStarted
from services.queue.life import WORKER_LOST, Step, Transition
from services.queue.prompts import Queue
from services.queue.records import PromptState, Requeued, Stats
from services.queue.stores.memory import MemoryStore
from services.queue.stores.sqlite import SqliteStore
from services.queue.work import LeaseLost
from tests.queue.clock import ManualClock
from tests.queue.conftest import running
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import submission
from tests.queue.watching import eventually, happens, names, story


async def test_every_expiry_counts_until_the_attempts_are_used_up(queue: Queue, clock: ManualClock) -> None:
    prompt_id = ""
    for attempt in (1, 2, 3):
        async with FakeExecutor(queue, f"executor {attempt}") as executor:
            prompt_id = prompt_id or (await queue.submit(submission(1))).prompt_id
            assert (await executor.assignment()).attempt == attempt
        clock.advance(30)
        await happens(queue, prompt_id, Requeued)
    failure = (await story(queue, prompt_id))[-1].body
    assert isinstance(failure, ExecutionFailed) and failure.exception_type == WORKER_LOST
    assert [attempt.outcome for attempt in (await queue.get(prompt_id)).attempts] == ["the lease expired"] * 3


async def test_an_assignment_that_is_lost_with_its_connection_does_not_count(clock: ManualClock) -> None:
    async with running(MemoryStore(), clock, max_attempts=1) as queue:
        async with FakeExecutor(queue) as executor:
            prompt_id = (await queue.submit(submission(1))).prompt_id
            await executor.assignment()
        async with FakeExecutor(queue) as executor:
            assert (await executor.assignment()).attempt == 2
        async with FakeExecutor(queue):
            failure = (await story(queue, prompt_id))[-1].body
            assert isinstance(failure, ExecutionFailed), "two in a row may be the prompt's doing"


async def test_a_prompt_that_began_on_an_executor_which_came_back_without_it_counts(clock: ManualClock) -> None:
    async with running(MemoryStore(), clock, max_attempts=1) as queue:
        async with FakeExecutor(queue) as executor:
            prompt_id = (await queue.submit(submission(1))).prompt_id
            executor.tell((await executor.assignment()).lease, ExecutionStarted())
            await happens(queue, prompt_id, ExecutionStarted)
        async with FakeExecutor(queue):
            assert isinstance((await story(queue, prompt_id))[-1].body, ExecutionFailed)


async def test_a_prompt_that_was_to_stop_ends_when_its_executor_never_says_so(queue: Queue, clock: ManualClock) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        await executor.assignment()
        await queue.interrupt([prompt_id])
        clock.advance(30)
        assert isinstance((await story(queue, prompt_id))[-1].body, ExecutionInterrupted)


async def test_each_lease_runs_out_by_itself(queue: Queue, clock: ManualClock) -> None:
    async with FakeExecutor(queue, slots=2) as executor:
        early = (await queue.submit(submission(1))).prompt_id
        await executor.assignment()
        clock.advance(20)
        late = (await queue.submit(submission(2))).prompt_id
        lease = (await executor.assignment()).lease
        executor.beat(lease, free_slots=0)
        executor.tell(lease, ExecutionStarted())  # taken after the heartbeat
        await happens(queue, late, ExecutionStarted)
        clock.advance(10)
        await happens(queue, early, Requeued)
        assert (await queue.get(late)).state is PromptState.RUNNING
        clock.advance(20)
        await happens(queue, late, Requeued)


async def test_a_prompt_runs_on_over_a_restart_of_the_queue(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "queue.sqlite3"
    store = await SqliteStore.open(path)
    async with running(store, clock) as queue, FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        waiting = (await queue.submit(submission(2))).prompt_id
        lease = (await executor.assignment()).lease
    await store.close()
    clock.advance(300)
    store = await SqliteStore.open(path)
    async with running(store, clock) as queue:
        assert await queue.stats() == Stats(pending=1, running=1)
        assert (await queue.submit(submission(3))).number == 2, "the catalogue and the counter are still known"
        async with FakeExecutor(queue, held=[lease]) as executor:
            assert executor.welcome is not None and not executor.welcome.catalogue_wanted
            executor.succeed(lease)
            assert names(await story(queue, prompt_id)).count("Assigned") == 1
            assert (await executor.assignment()).lease.prompt_id == waiting
    await store.close()


async def test_a_queue_that_was_held_up_ends_no_lease_before_it_has_listened(queue: Queue, clock: ManualClock) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        lease = (await executor.assignment()).lease
        clock.advance(42)  # as if the process had been stopped
        executor.beat(lease, free_slots=0)
        executor.succeed(lease)
        assert "Requeued" not in names(await story(queue, prompt_id))


async def test_after_the_queue_was_held_up_leases_expire_as_ever(
    queue: Queue, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def it_is_noticed() -> bool:
        return "all leases begin anew" in caplog.text

    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        await executor.assignment()
        clock.advance(42)
        await eventually(it_is_noticed)
        clock.advance(30)
        await happens(queue, prompt_id, Requeued)


async def test_after_a_restart_a_lease_that_nobody_takes_up_expires(clock: ManualClock) -> None:
    store = MemoryStore()
    async with running(store, clock) as queue, FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        stale = (await executor.assignment()).lease
    async with running(store, clock) as queue:
        clock.advance(30)
        await happens(queue, prompt_id, Requeued)
        async with FakeExecutor(queue, "late", held=[stale]) as executor:
            assert (await executor.next(LeaseLost)).lease == stale


async def test_a_storage_that_fails_for_a_while_stops_no_lease_from_expiring(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(MemoryStore):
        is_failing = False

        async def apply(self, prompt_id: str, transition: Transition) -> Step | None:
            if self.is_failing:
                failed.set()
                raise Unavailable("the disk is full")
            return await super().apply(prompt_id, transition)

    failed = asyncio.Event()
    store = Failing()
    async with running(store, clock) as queue, FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        await executor.assignment()
        store.is_failing = True
        clock.advance(30)
        await failed.wait()
        store.is_failing = False
        assert (await queue.get(prompt_id)).state is PromptState.RUNNING
        clock.advance(30)
        await happens(queue, prompt_id, Requeued)
    assert "the disk is full" in caplog.text
