"""Two replicas of the queue on one storage: what one commits, the other acts upon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple

import pytest

from services.errors import NotFound, Unavailable
from services.graph.events import ExecutionInterrupted, ExecutionStarted, ExecutionSucceeded, NodesCached
from services.queue import neighbours
from services.queue.placements import Placements
from services.queue.prompts import Queue
from services.queue.records import Assigned, PromptState, Requeued, Submission
from services.queue.stores.base import Claim
from services.queue.work import Interruption, LeaseLost, PreviewDemand, Validation, ValidationAnswer
from tests.queue.clock import ManualClock
from tests.queue.conftest import running
from tests.queue.executor import FakeExecutor, finished, progress
from tests.queue.nodes import submission
from tests.queue.shared_memory import SharedMemory
from tests.queue.watching import eventually, happens, names, story, until

PICKY = b'{"1": {"class_type": "Picky", "inputs": {"value": 1}}}'

EVERYTHING = ["Submitted", "Assigned", "ExecutionStarted", "NodesCached", "NodeFinished", "ExecutionSucceeded"]


class Pair(NamedTuple):
    """Two replicas, and their stores."""

    a: Queue
    b: Queue
    stores: list[SharedMemory]


@pytest.fixture
async def pair(clock: ManualClock) -> AsyncIterator[Pair]:
    stores: list[SharedMemory] = []
    SharedMemory(stores), SharedMemory(stores)
    async with running(stores[0], clock) as a, running(stores[1], clock) as b:
        yield Pair(a, b, stores)


async def test_a_prompt_that_one_replica_takes_runs_at_the_executor_of_the_other(pair: Pair) -> None:
    async with FakeExecutor(pair.b) as executor:
        prompt_id = (await pair.a.submit(submission(1))).prompt_id
        executor.succeed((await executor.assignment()).lease)
        assert names(await story(pair.a, prompt_id)) == EVERYTHING
        assert names(await story(pair.b, prompt_id)) == EVERYTHING


async def test_nothing_depends_on_wake_ups(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "LONGEST_PAUSE", 0.1)
    async with FakeExecutor(pair.b) as executor:
        await eventually(lambda: _is_known(pair.a))
        for store in pair.stores:
            store.wakes = False
        prompt_id = (await pair.a.submit(submission(1))).prompt_id
        executor.succeed((await executor.assignment()).lease)
        assert names(await story(pair.a, prompt_id)) == EVERYTHING


async def test_the_catalogue_of_one_replica_becomes_that_of_the_other(pair: Pair) -> None:
    async with FakeExecutor(pair.a):
        digest, _ = await pair.a.catalogue()
        assert (await pair.b.catalogue())[0] == digest


async def test_numbers_are_unique_and_increasing_over_both(pair: Pair) -> None:
    async with FakeExecutor(pair.a, slots=0):
        numbers = [(await queue.submit(submission(number))).number for number, queue in enumerate(pair[:2] * 3)]
    assert numbers == [0, 1, 2, 3, 4, 5]


async def test_an_executor_on_standby_is_assigned_nothing_but_does_everything_else(pair: Pair) -> None:
    async with FakeExecutor(pair.a) as home, FakeExecutor(pair.b, standby=True) as standby:
        standby.beat(free_slots=1, standby=True)
        first = (await pair.b.submit(submission(1))).prompt_id
        lease = (await home.assignment()).lease
        assert lease.prompt_id == first
        await pair.b.submit(submission(2))
        asked = asyncio.create_task(pair.b.submit(Submission(graph_json=PICKY)))
        question = await standby.next(Validation)
        standby.say(ValidationAnswer(question.request_id, {}))
        await asked
        (described,) = await pair.b.executors()
        assert described.free_slots == 1
        assert standby.nothing_more()


async def test_an_interrupt_reaches_the_executor_over_the_replicas_own_stream(pair: Pair) -> None:
    async with FakeExecutor(pair.a) as home, FakeExecutor(pair.b, standby=True) as standby:
        prompt_id = (await pair.a.submit(submission(1))).prompt_id
        lease = (await home.assignment()).lease
        assert (await pair.b.interrupt(None)).asked == [prompt_id]
        assert (await standby.next(Interruption)).lease == lease
        assert (await home.next(Interruption)).lease == lease


async def test_an_interrupt_finds_an_executor_that_only_another_replica_knows(pair: Pair) -> None:
    async with FakeExecutor(pair.a) as home:
        prompt_id = (await pair.a.submit(submission(1))).prompt_id
        lease = (await home.assignment()).lease
        assert (await pair.b.interrupt([prompt_id])).asked == [prompt_id]
        assert (await home.next(Interruption)).lease == lease
        home.interrupted(lease)
        assert isinstance((await story(pair.b, prompt_id))[-1].body, ExecutionInterrupted)


async def test_an_executor_goes_on_at_the_other_replica(pair: Pair, clock: ManualClock) -> None:
    async with FakeExecutor(pair.b, standby=True) as standby:
        async with FakeExecutor(pair.a) as home:
            prompt_id = (await pair.a.submit(submission(1))).prompt_id
            lease = (await home.assignment()).lease
            home.tell(lease, ExecutionStarted())
            await happens(pair.b, prompt_id, ExecutionStarted)
        standby.beat(lease, free_slots=0)
        assert (await standby.next(PreviewDemand)).lease == lease
        clock.advance(20)
        standby.beat(lease, free_slots=0)
        standby.tell(lease, NodesCached(()))
        await happens(pair.a, prompt_id, NodesCached)
        clock.advance(20)
        standby.tell(lease, finished("2"), ExecutionSucceeded())
        assert names(await story(pair.a, prompt_id)) == EVERYTHING
        assert len((await pair.a.get(prompt_id)).attempts) == 1
        following = (await pair.a.submit(submission(2))).prompt_id
        assert (await standby.assignment()).lease.prompt_id == following


async def test_what_an_executor_does_not_hold_when_it_comes_home_is_lost_at_once(pair: Pair) -> None:
    async with FakeExecutor(pair.b, standby=True) as standby:
        async with FakeExecutor(pair.a) as home:
            prompt_id = (await pair.a.submit(submission(1))).prompt_id
            await home.assignment()
        standby.beat()
        await happens(pair.a, prompt_id, Requeued)
        assert (await standby.assignment()).attempt == 2


async def test_the_leases_of_executors_that_died_with_their_replica_expire_at_the_other(clock: ManualClock) -> None:
    stores: list[SharedMemory] = []
    SharedMemory(stores), SharedMemory(stores)
    async with running(stores[1], clock) as b:
        async with running(stores[0], clock) as a, FakeExecutor(a) as executor:
            prompt_id = (await a.submit(submission(1))).prompt_id
            stale = (await executor.assignment()).lease
            await happens(b, prompt_id, Assigned)
            await eventually(lambda: _knows(b, prompt_id))
        clock.advance(30)
        await happens(b, prompt_id, Requeued)
        async with FakeExecutor(b, held=[stale]) as executor:
            assert (await executor.next(LeaseLost)).lease == stale
            assert (await executor.assignment()).attempt == 2


async def test_a_renewal_at_one_replica_is_one_for_the_other(pair: Pair, clock: ManualClock) -> None:
    async with FakeExecutor(pair.a) as executor:
        prompt_id = (await pair.a.submit(submission(1))).prompt_id
        lease = (await executor.assignment()).lease
        await eventually(lambda: _knows(pair.b, prompt_id))
        for _ in range(3):
            clock.advance(20)
            executor.beat(lease, free_slots=0)
            until_ = clock.now() + 30
            await eventually(lambda until_=until_: _renewed(pair.b, prompt_id, until_))  # type: ignore[misc]
        executor.succeed(lease)
        assert names(await story(pair.b, prompt_id)) == EVERYTHING


async def test_a_watcher_reads_what_it_is_missing_when_the_home_moves(pair: Pair) -> None:
    """Whatever another replica committed comes before what is committed here, even if no wake-up tells of it."""
    async with FakeExecutor(pair.b, standby=True) as standby, FakeExecutor(pair.a) as home:
        prompt_id = (await pair.a.submit(submission(1))).prompt_id
        lease = (await home.assignment()).lease
        told = asyncio.create_task(story(pair.b, prompt_id))
        await until(pair.b, prompt_id, lambda event: event.sequence == 2)
        pair.stores[0].wakes = False
        home.tell(lease, ExecutionStarted(), NodesCached(()), progress("2", 1.0))
        await happens(pair.a, prompt_id, NodesCached)
        standby.tell(lease, finished("2"), ExecutionSucceeded())
        events = await told
        assert names(events) == EVERYTHING
        assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6]


async def test_who_watches_a_prompt_that_is_forgotten_elsewhere_is_told(pair: Pair) -> None:
    async with FakeExecutor(pair.a, slots=0):
        prompt_id = (await pair.a.submit(submission(1))).prompt_id
        watch = pair.b.watch(prompt_id)
        await anext(watch)
        pair.stores[0].wakes = False
        await pair.a.cancel([prompt_id])
        await pair.a.forget([prompt_id])
        with pytest.raises(NotFound):
            async for _ in watch:
                pass


async def test_a_burst_of_prompts_is_run_by_the_executors_of_both(pair: Pair) -> None:
    async with FakeExecutor(pair.a, "one") as one, FakeExecutor(pair.b, "two") as two:

        async def serve(executor: FakeExecutor) -> None:
            while True:
                executor.succeed((await executor.assignment()).lease)

        serving = [asyncio.create_task(serve(executor)) for executor in (one, two)]
        replicas = (pair.a, pair.b)
        accepted = await asyncio.gather(*(replicas[n % 2].submit(submission(n)) for n in range(40)))
        for receipt in accepted:
            assert names(await story(pair.b, receipt.prompt_id)) == EVERYTHING
        for task in serving:
            task.cancel()
        finished_, total = await pair.a.list({PromptState.SUCCEEDED})
        assert total == 40
        assert {prompt.attempts[0].executor_id for prompt in finished_} == {"one", "two"}


async def _is_known(queue: Queue) -> bool:
    return queue._catalogue.is_known


async def _knows(queue: Queue, prompt_id: str) -> bool:
    return queue._leases.of_prompt(prompt_id) is not None


async def _renewed(queue: Queue, prompt_id: str, until_: float) -> bool:
    life = queue._leases.of_prompt(prompt_id)
    return life is not None and life.lease_until == until_


async def test_a_prompt_whose_needs_cannot_be_read_when_it_is_claimed_is_given_back(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for the end of its lease, which nobody held."""
    failures = [Unavailable("the storage cannot be reached")]
    claim, load = pair.stores[1].claim, Placements.load

    async def claims(*args: Any) -> Claim | None:
        claimed = await claim(*args)
        if claimed and failures:
            monkeypatch.setattr(Placements, "load", fails)
        return claimed

    async def fails(self: Placements, placements: Iterable[int]) -> None:
        monkeypatch.setattr(Placements, "load", load)
        raise failures.pop()

    monkeypatch.setattr(pair.stores[1], "claim", claims)
    async with FakeExecutor(pair.b) as executor:
        prompt_id = (await pair.a.submit(submission(1))).prompt_id
        executor.succeed((await executor.assignment()).lease)
        told = names(await story(pair.a, prompt_id))
    assert failures == []
    assert told[:4] == ["Submitted", "Assigned", "Requeued", "Assigned"]
