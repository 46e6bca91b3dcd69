"""How every queue deals with executors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.errors import Aborted, InvalidArgument, NotFound
from services.graph.events import ExecutionFailed, ExecutionInterrupted, ExecutionStarted
from services.queue.life import WORKER_LOST
from services.queue.prompts import Queue
from services.queue.records import Assigned, Prompt, PromptState, Requeued, Submission
from services.queue.work import Drain, Drained, Interruption, LeaseLost, MemoryRelease
from tests.contract.stores import ALONE
from tests.queue.clock import ManualClock
from tests.queue.executor import FakeExecutor, finished
from tests.queue.nodes import CLASSES, definition, publication, submission
from tests.queue.running import run_one
from tests.queue.watching import happens, names, story, until


async def test_an_interrupted_prompt_ends_when_its_executor_says_so(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        running, waiting = [(await queue.submit(submission(i))).prompt_id for i in range(2)]
        lease = (await executor.assignment()).lease
        assert (await queue.interrupt([waiting, "nobody"])).asked == []
        assert (await queue.interrupt(None)).asked == [running]
        assert (await executor.next(Interruption)).lease == lease
        executor.interrupted(lease)
        assert isinstance((await story(queue, running))[-1].body, ExecutionInterrupted)
        assert (await queue.get(running)).state is PromptState.INTERRUPTED
        assert (await executor.assignment()).lease.prompt_id == waiting


async def test_every_connected_executor_is_told_to_give_memory_back(queue: Queue) -> None:
    assert await queue.release_memory(results=True) == []
    async with FakeExecutor(queue, "one") as one, FakeExecutor(queue, "two") as two:
        assert sorted(await queue.release_memory(results=True)) == ["one", "two"]
        assert [await executor.next(MemoryRelease) for executor in (one, two)] == [MemoryRelease(True)] * 2


async def test_an_executor_that_drains_is_given_nothing_until_that_is_undone(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        await queue.submit(submission(1))
        running = await executor.assignment()
        await queue.drain_executor("executor")
        assert await executor.next(Drain) == Drain()
        [described] = await queue.executors()
        assert described.draining and described.free_slots == 0
        executor.beat(running.lease, free_slots=0, draining=True)
        await executor.next(Drained)
        waiting = (await queue.submit(submission(2))).prompt_id
        executor.succeed(running.lease)
        await story(queue, running.lease.prompt_id)
        await queue.drain_executor("executor", undo=True)
        assert await executor.next(Drain) == Drain(undo=True)
        assert executor.nothing_more()
        executor.beat()
        assert (await executor.assignment()).lease.prompt_id == waiting
        assert not (await queue.executors())[0].draining


async def test_an_executor_that_lost_the_order_to_drain_with_its_connection_is_told_again(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        await queue.drain_executor("executor")
        await executor.next(Drain)
    async with FakeExecutor(queue) as executor:
        executor.beat()
        assert await executor.next(Drain) == Drain()
        executor.beat(draining=True)
        await executor.next(Drained)
        executor.beat()
        await queue.submit(submission(1))
        await executor.assignment()


async def test_only_an_executor_that_is_here_can_be_drained(queue: Queue) -> None:
    with pytest.raises(NotFound, match="no executor nobody is connected"):
        await queue.drain_executor("nobody")


@pytest.mark.parametrize("queue", [*ALONE, "remote"], indirect=True)  # elsewhere another replica may have its executor
async def test_a_prompt_whose_executor_is_gone_is_interrupted_at_once(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        lease = (await executor.assignment()).lease
        await executor.leave()
    assert (await queue.interrupt([prompt_id])).asked == [prompt_id]
    assert isinstance((await story(queue, prompt_id))[-1].body, ExecutionInterrupted)
    async with FakeExecutor(queue, held=[lease]) as executor:
        assert (await executor.next(LeaseLost)).lease == lease


async def test_a_prompt_whose_worker_dies_is_tried_again_and_then_given_up(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        for attempt in (1, 2, 3):
            assignment = await executor.assignment()
            assert assignment.attempt == attempt
            executor.give_back(assignment.lease, "worker killed by signal 9", counts=True)
        events = await story(queue, prompt_id)
    assert names(events) == ["Submitted", *["Assigned", "Requeued"] * 2, "Assigned", "ExecutionFailed"]
    failure = events[-1].body
    assert isinstance(failure, ExecutionFailed)
    assert failure.exception_type == WORKER_LOST
    assert failure.exception_message.count("worker killed by signal 9") == 3
    prompt = await queue.get(prompt_id)
    assert prompt.state is PromptState.FAILED
    assert [(attempt.device, attempt.worker_lost) for attempt in prompt.attempts] == [("cpu", True)] * 3


async def test_a_prompt_that_is_given_back_unharmed_loses_no_attempt(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        for _ in range(4):
            executor.give_back((await executor.assignment()).lease, "executor is shutting down", counts=False)
        executor.succeed((await executor.assignment()).lease)
        await story(queue, prompt_id)
    assert (await queue.get(prompt_id)).state is PromptState.SUCCEEDED


async def test_a_lease_that_nobody_renews_expires(queue: Queue, clock: ManualClock) -> None:
    async with FakeExecutor(queue, "first") as lost:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        stale = (await lost.assignment()).lease
        clock.advance(29)
        async with FakeExecutor(queue, "second") as executor:
            clock.advance(1.5)
            requeued = await happens(queue, prompt_id, Requeued)
            assert requeued.body == Requeued("the lease expired")
            lease = (await executor.assignment()).lease
            lost.succeed(stale)
            assert (await lost.next(LeaseLost)).lease == stale
            assert (await queue.get(prompt_id)).state is PromptState.RUNNING
            executor.succeed(lease)
            assert names(await story(queue, prompt_id)).count("ExecutionSucceeded") == 1


async def test_a_heartbeat_renews_the_leases_it_names(queue: Queue, clock: ManualClock) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        lease = (await executor.assignment()).lease
        for sequence in range(3, 7):
            clock.advance(20)
            executor.beat(lease, free_slots=0)
            executor.tell(lease, finished("1"))  # taken after the heartbeat
            await until(queue, prompt_id, lambda event, last=sequence: event.sequence == last)  # type: ignore[misc]
        executor.succeed(lease)
        assert "Requeued" not in names(await story(queue, prompt_id))


async def test_an_executor_that_reconnects_within_the_lease_goes_on(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        lease = (await executor.assignment()).lease
        executor.tell(lease, ExecutionStarted())
        await happens(queue, prompt_id, ExecutionStarted)
    async with FakeExecutor(queue, held=[lease]) as executor:
        executor.succeed(lease)
        assert names(await story(queue, prompt_id)).count("Assigned") == 1


async def test_an_executor_that_comes_back_empty_handed_gets_the_prompt_again(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        lease = (await executor.assignment()).lease
    async with FakeExecutor(queue) as executor:
        again = await executor.assignment()
        assert (again.lease.prompt_id, again.attempt) == (prompt_id, 2)
        assert again.lease.token != lease.token


async def test_the_newer_stream_of_an_executor_takes_over(queue: Queue) -> None:
    async with FakeExecutor(queue) as older, FakeExecutor(queue) as newer:
        with pytest.raises(Aborted, match="another stream"):
            await older.ended()
        prompt_id = (await queue.submit(submission(1))).prompt_id
        assert (await newer.assignment()).lease.prompt_id == prompt_id
        assert len(await queue.executors()) == 1


async def test_an_interruption_reaches_an_executor_that_was_away(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        await queue.submit(submission(1))
        lease = (await executor.assignment()).lease
        await queue.interrupt(None)
    async with FakeExecutor(queue, held=[lease]) as executor:
        assert (await executor.next(Interruption)).lease == lease


async def test_executors_are_listed_while_they_are_here(queue: Queue) -> None:
    async with FakeExecutor(queue, "big", slots=3) as executor:
        await queue.submit(submission(1))
        await executor.assignment()
        [described] = await queue.executors()
        assert (described.executor_id, described.slots, described.free_slots) == ("big", 3, 2)
        assert described.devices == executor.hello.devices
        assert described.host_info == executor.hello.host_info
        await executor.leave()
    assert await queue.executors() == []


async def test_a_catalogue_that_is_none_ends_the_stream(queue: Queue) -> None:
    async with FakeExecutor(queue, catalogue=publication([])) as executor:  # type: ignore[arg-type]
        with pytest.raises(InvalidArgument, match="not a JSON object"):
            await executor.ended()


async def test_a_stream_that_does_not_begin_with_hello_is_refused(queue: Queue) -> None:
    with pytest.raises(InvalidArgument, match="first message must be Hello"):
        await asyncio.wait_for(_first_words(queue, publication()), 10)


async def test_an_executor_without_id_is_refused(queue: Queue) -> None:
    with pytest.raises(InvalidArgument, match="no executor id"):
        await asyncio.wait_for(_first_words(queue, FakeExecutor(queue, "").hello), 10)


async def _first_words(queue: Queue, *messages: object) -> None:
    async def words() -> AsyncIterator[object]:
        for message in messages:
            yield message
        await asyncio.Event().wait()

    async for _ in queue.work(words()):  # type: ignore[arg-type]
        pass


async def test_classes_of_several_executors_are_joined(queue: Queue) -> None:
    mine = {"ShowValue": definition(output=True, value="INT")}
    yours = {"Number": CLASSES["Number"]}
    async with FakeExecutor(queue, "a", slots=0, catalogue=publication(mine)):
        await queue.catalogue()
        async with FakeExecutor(queue, "b", slots=0, catalogue=publication(yours)):
            async with asyncio.timeout(10):
                while b"Number" not in ((await queue.catalogue())[1] or b""):
                    pass
            shown = b'{"1": {"class_type": "ShowValue", "inputs": {"value": 1}}}'
            assert (await queue.submit(Submission(graph_json=shown))).node_errors_json == b"{}"


async def test_every_attempt_is_announced_with_its_executor(queue: Queue) -> None:
    async with FakeExecutor(queue, "here") as executor:
        prompt_id = await run_one(queue, executor, submission(1))
        prompt: Prompt = await queue.get(prompt_id)
        assert [event.body for event in prompt.events if isinstance(event.body, Assigned)] == [Assigned("here", 1)]
