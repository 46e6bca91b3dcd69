"""Prompts end when they have no more time: while they wait, while they run, over restarts."""

from __future__ import annotations

import asyncio
from functools import partial

import msgspec
import pytest

from services.errors import InvalidArgument, Unavailable
from services.graph.events import ExecutionFailed, ExecutionStarted
from services.queue import life as lives
from services.queue.deadlines import MAX_STALE, Deadlines
from services.queue.life import TIMED_OUT, Deadline, Life, Step, Transition
from services.queue.prompts import Queue
from services.queue.records import PromptState
from services.queue.stores.memory import MemoryStore
from services.queue.time_keeping import READING_INTERVAL
from services.queue.time_limits import TimeLimits
from services.queue.work import LeaseLost
from tests.queue.clock import ManualClock
from tests.queue.conftest import running
from tests.queue.executor import FakeExecutor, started
from tests.queue.nodes import submission
from tests.queue.shared_memory import SharedMemory
from tests.queue.watching import eventually, happens, story


async def failure(queue: Queue, prompt_id: str) -> ExecutionFailed:
    """How a prompt failed that had no more time."""
    end = (await story(queue, prompt_id))[-1].body
    assert isinstance(end, ExecutionFailed) and end.exception_type == TIMED_OUT
    return end


async def test_an_attempt_that_takes_too_long_is_stopped_and_the_next_prompt_runs(
    queue: Queue, clock: ManualClock
) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1, run_timeout=20.0))).prompt_id
        lease = (await executor.assignment()).lease
        executor.tell(lease, ExecutionStarted(), started("1"))
        await happens(queue, prompt_id, ExecutionStarted)
        clock.advance(20)
        assert (await failure(queue, prompt_id)).node_type == "Number"
        assert (await executor.next(LeaseLost)).lease == lease
        following = (await queue.submit(submission(2))).prompt_id
        assert (await queue.get(following)).state is PromptState.PENDING, "the executor may still be stopping"
        executor.beat(free_slots=1)
        assert (await executor.assignment()).lease.prompt_id == following


async def test_every_attempt_has_its_own_time(queue: Queue, clock: ManualClock) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1, run_timeout=20.0))).prompt_id
        lease = (await executor.assignment()).lease
        clock.advance(15)
        executor.give_back(lease, "it died", counts=True)
        await executor.assignment()
        clock.advance(15)
        assert (await queue.get(prompt_id)).state is PromptState.RUNNING
        clock.advance(5)
        await failure(queue, prompt_id)


async def test_a_prompt_whose_time_is_over_fails_without_running(queue: Queue, clock: ManualClock) -> None:
    async with FakeExecutor(queue, slots=0) as executor:
        late = (await queue.submit(submission(1, total_timeout=60.0))).prompt_id
        later = (await queue.submit(submission(2, total_timeout=61.0))).prompt_id
        sooner = (await queue.submit(submission(3, total_timeout=5.0))).prompt_id
        clock.advance(5)
        assert "still waited" in (await failure(queue, sooner)).exception_message
        clock.advance(55)
        await failure(queue, late)
        assert (await queue.get(later)).state is PromptState.PENDING
        assert executor.nothing_more()


async def test_the_time_goes_on_without_an_executor(queue: Queue, clock: ManualClock) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1, run_timeout=20.0))).prompt_id
        await executor.assignment()
    clock.advance(20)
    await failure(queue, prompt_id)
    assert [attempt.outcome for attempt in (await queue.get(prompt_id)).attempts] == ["timed out"]


async def test_deadlines_are_known_after_a_restart(clock: ManualClock) -> None:
    store = MemoryStore()
    async with running(store, clock) as queue, FakeExecutor(queue) as executor:
        runs = (await queue.submit(submission(1, run_timeout=20.0))).prompt_id
        await executor.assignment()
        waits = (await queue.submit(submission(2, total_timeout=22.0))).prompt_id
    clock.advance(15)
    async with running(store, clock) as queue:
        clock.advance(5)
        await failure(queue, runs)
        clock.advance(2)
        await failure(queue, waits)


async def test_a_queue_says_what_prompts_get_that_do_not_say_and_what_is_too_much(clock: ManualClock) -> None:
    limits = TimeLimits(run_timeout=10.0, max_run_timeout=20.0, max_total_timeout=100.0)
    async with running(MemoryStore(), clock, time_limits=limits) as queue, FakeExecutor(queue, slots=0):
        for asked, granted in (({}, (10, 100)), ({"run_timeout": 0.0}, (20, 100)), ({"total_timeout": 5.0}, (10, 5))):
            prompt = await queue.get((await queue.submit(submission(1, **asked))).prompt_id)
            assert (prompt.run_timeout, prompt.total_timeout) == granted
        with pytest.raises(InvalidArgument, match="run_timeout is 21 seconds, more than the 20 that are allowed"):
            await queue.submit(submission(1, run_timeout=21.0))
        for nonsense in (-1.0, float("nan"), float("inf")):
            with pytest.raises(InvalidArgument, match="total_timeout must be a number of seconds"):
                await queue.submit(submission(1, total_timeout=nonsense))


@pytest.mark.parametrize("limits", [{"run_timeout": -1.0}, {"total_timeout": 2.0, "max_total_timeout": 1.0}])
def test_limits_that_make_no_sense_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument):
        TimeLimits(**limits)


async def test_a_storage_that_fails_for_a_while_saves_nobody(clock: ManualClock) -> None:
    class Failing(MemoryStore):
        failed: asyncio.Event | None = None

        async def apply(self, prompt_id: str, transition: Transition) -> Step | None:
            if self.failed:
                self.failed.set()
                raise Unavailable("the disk is full")
            return await super().apply(prompt_id, transition)

    store = Failing()
    async with running(store, clock) as queue, FakeExecutor(queue, slots=0):
        prompt_id = (await queue.submit(submission(1, total_timeout=5.0))).prompt_id
        store.failed = failed = asyncio.Event()
        clock.advance(5)
        await failed.wait()
        store.failed = None
        clock.advance(1)
        await failure(queue, prompt_id)


async def test_a_wall_clock_that_jumps_ends_no_prompt(clock: ManualClock) -> None:
    deadlines = Deadlines(clock)
    waiting = Life(prompt_id="p", client_id="", state=PromptState.PENDING, submitted_at=clock.now(), total_timeout=5.0)
    deadlines.see(waiting)
    passed = aiter(deadlines.passed())
    first = asyncio.ensure_future(anext(passed))
    clock.jump(3600)
    deadlines.see(waiting)
    await asyncio.sleep(0)
    assert not first.done()
    clock.advance(5)
    assert await first == ("p", Deadline(waiting.submitted_at, 5.0))


def test_deadlines_that_nobody_wants_any_more_are_let_go_of(clock: ManualClock) -> None:
    deadlines = Deadlines(clock)
    for number in range(2 * MAX_STALE):
        life = Life(prompt_id=str(number), client_id="", state=PromptState.PENDING, submitted_at=0.0, total_timeout=9.0)
        deadlines.see(life)
        deadlines.see(msgspec.structs.replace(life, state=PromptState.CANCELLED))
    assert len(deadlines._heap) <= MAX_STALE + 1


async def test_another_replica_keeps_the_time_of_one_that_is_gone(clock: ManualClock) -> None:
    stores: list[SharedMemory] = []
    async with running(SharedMemory(stores), clock) as a, running(SharedMemory(stores), clock) as b:
        async with FakeExecutor(a, slots=0):
            prompt_id = (await a.submit(submission(1, total_timeout=50.0))).prompt_id
        await a.close()
        clock.advance(READING_INTERVAL)
        await eventually(lambda: _knows(b, prompt_id))
        clock.advance(50)
        await failure(b, prompt_id)


async def test_an_executor_is_told_at_once_what_another_replica_ended(clock: ManualClock) -> None:
    stores: list[SharedMemory] = []
    async with (
        running(SharedMemory(stores), clock) as a,
        running(SharedMemory(stores), clock) as b,
        FakeExecutor(b) as executor,
    ):
        prompt_id = (await a.submit(submission(1))).prompt_id
        lease = (await executor.assignment()).lease
        await eventually(lambda: _runs(a, prompt_id))
        over = partial(lives.interrupt, token=lease.token, reason="enough", now=clock.now())
        await stores[0].apply(prompt_id, over)
        assert (await executor.next(LeaseLost)).lease == lease


async def _knows(queue: Queue, prompt_id: str) -> bool:
    return prompt_id in queue._times._deadlines._of_prompt


async def _runs(queue: Queue, prompt_id: str) -> bool:
    return (await queue.get(prompt_id)).state is PromptState.RUNNING
