"""What every queue does: over the memory store, over SQLite, and from the other end of a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

import pytest

from services.errors import Aborted, AlreadyExists, InvalidArgument, NotFound, Unavailable
from services.graph.errors import PromptRejected
from services.graph.events import ExecutionFailed, ExecutionInterrupted, ExecutionStarted
from services.queue.client import QueueClient
from services.queue.life import WORKER_LOST
from services.queue.prompts import Queue
from services.queue.records import Assigned, Prompt, PromptState, Requeued, Stats, Submission
from services.queue.servicer import QueueServicer
from services.queue.stores.memory import MemoryStore
from services.queue.stores.sqlite import SqliteStore
from services.queue.work import Interruption, LeaseLost
from services.queue.worker_servicer import WorkerServicer
from services.rpc.server import serve
from tests.queue.clock import ManualClock
from tests.queue.executor import FakeExecutor, finished, progress, started
from tests.queue.nodes import CLASSES, publication, submission
from tests.queue.watching import happens, names, story, until

TERMINAL = [state for state in PromptState if state.is_terminal]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["memory", "sqlite", "remote"])
async def queue(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Queue]:
    async with AsyncExitStack() as stack:
        store = MemoryStore() if request.param == "memory" else await SqliteStore.open(tmp_path / "queue.sqlite3")
        stack.push_async_callback(store.close)
        queue = Queue(store, lease_seconds=30.0, clock=clock, catalogue_timeout=0.2)
        await queue.start()
        stack.push_async_callback(queue.close)
        if request.param != "remote":
            yield queue
            return
        servicers = [QueueServicer(queue).entry, WorkerServicer(queue).entry]
        server = await stack.enter_async_context(serve("127.0.0.1:0", servicers))
        client = await stack.enter_async_context(QueueClient(server.address))
        yield cast(Queue, client)


async def run_one(queue: Queue, executor: FakeExecutor, prompt: Submission) -> str:
    """Submit a prompt and let it succeed."""
    accepted = await queue.submit(prompt)
    executor.succeed((await executor.assignment()).lease)
    await story(queue, accepted.prompt_id)
    return accepted.prompt_id


async def test_a_prompt_is_run_and_everything_about_it_can_be_read(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        accepted = await queue.submit(
            submission(7, extra_data_json=b'{"extra_pnginfo": {}}', client_id="me", prompt_id="p")
        )
        assignment = await executor.assignment()
        assert (assignment.graph_json, assignment.attempt) == (submission(7).graph_json, 1)
        assert (assignment.extra_data_json, assignment.output_node_ids) == (b'{"extra_pnginfo": {}}', ("2",))
        executor.succeed(assignment.lease)
        events = await story(queue, "p")
    prompt = await queue.get("p")
    expected = ["Submitted", "Assigned", "ExecutionStarted", "NodesCached", "NodeFinished", "ExecutionSucceeded"]
    assert names(events) == expected
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.queue_remaining for event in events] == [1, 1, 0, 0, 0, 0]
    assert {event.client_id for event in events} == {"me"}
    assert list(prompt.events) == events
    assert (prompt.state, prompt.number) == (PromptState.SUCCEEDED, accepted.number)
    assert (prompt.graph_json, prompt.client_id) == (submission(7).graph_json, "me")
    assert [(attempt.executor_id, attempt.outcome) for attempt in prompt.attempts] == [("executor", "succeeded")]
    assert prompt.submitted_at <= (prompt.started_at or 0) <= (prompt.finished_at or 0)


async def test_a_prompt_waits_for_an_executor_to_come(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        await run_one(queue, executor, submission(1))
    waiting = await queue.submit(submission(2))
    assert (await queue.get(waiting.prompt_id)).state is PromptState.PENDING
    async with FakeExecutor(queue, "another") as executor:
        assert (await executor.assignment()).lease.prompt_id == waiting.prompt_id


async def test_numbers_count_up_and_front_goes_before_everything(queue: Queue) -> None:
    async with FakeExecutor(queue, slots=0):
        numbers = [(await queue.submit(submission(1))).number for _ in range(3)]
        first = await queue.submit(submission(2, front=True))
        before_it = await queue.submit(submission(3, front=True))
        given = await queue.submit(submission(4, number=0.5))
        after = await queue.submit(submission(5))
    waiting, total = await queue.list({PromptState.PENDING})
    assert (numbers, first.number, before_it.number) == ([0, 1, 2], -3, -4)
    assert (given.number, after.number, total) == (0.5, 5, 7)
    assert [prompt.number for prompt in waiting] == [-4, -3, 0, 0.5, 1, 2, 5]


async def test_a_rejected_prompt_uses_up_a_number(queue: Queue) -> None:
    async with FakeExecutor(queue, slots=0):
        with pytest.raises(PromptRejected):
            await queue.submit(Submission(graph_json=b"{}"))
        assert (await queue.submit(submission(1))).number == 1


async def test_a_prompt_that_cannot_be_run_is_refused_in_comfyuis_words(queue: Queue) -> None:
    graph = b'{"1": {"class_type": "Show", "inputs": {}}}'
    async with FakeExecutor(queue):
        with pytest.raises(PromptRejected) as rejection:
            await queue.submit(Submission(graph_json=graph))
    assert b"prompt_outputs_failed_validation" in rejection.value.error_json
    assert b"required_input_missing" in rejection.value.node_errors_json
    assert await queue.stats() == Stats(0, 0)


@pytest.mark.parametrize("extra_data", [b"[]", b"{", b"null"])
async def test_extra_data_must_be_a_json_object(queue: Queue, extra_data: bytes) -> None:
    with pytest.raises(InvalidArgument, match="extra_data"):
        await queue.submit(submission(1, extra_data_json=extra_data))


async def test_the_same_submission_again_gets_the_first_answer_again(queue: Queue) -> None:
    async with FakeExecutor(queue, slots=0):
        first = await queue.submit(submission(1, prompt_id="p"))
        assert await queue.submit(submission(1, prompt_id="p")) == first
        with pytest.raises(AlreadyExists, match="prompt p exists"):
            await queue.submit(submission(2, prompt_id="p"))
        together = await asyncio.gather(*(queue.submit(submission(3, prompt_id="q")) for _ in range(4)))
    assert len({answer.number for answer in together}) == 1
    assert await queue.stats() == Stats(pending=2, running=0)


async def test_a_submission_without_id_gets_one_of_its_own(queue: Queue) -> None:
    async with FakeExecutor(queue, slots=0):
        answers = [await queue.submit(submission(1)) for _ in range(2)]
    assert len({answer.prompt_id for answer in answers} - {""}) == 2


async def test_without_a_catalogue_a_submission_is_told_to_come_back(queue: Queue) -> None:
    with pytest.raises(Unavailable, match="node classes"):
        await queue.submit(submission(1))


async def test_the_catalogue_is_answered_unless_it_is_known(queue: Queue) -> None:
    async with FakeExecutor(queue):
        digest, definitions = await queue.catalogue()
        assert (digest, definitions) == (publication().digest, publication().definitions_json)
        assert await queue.catalogue(digest) == (digest, None)


async def test_an_unknown_prompt_is_not_found(queue: Queue) -> None:
    with pytest.raises(NotFound, match="no prompt nobody"):
        await queue.get("nobody")
    with pytest.raises(NotFound, match="no prompt nobody"):
        await story(queue, "nobody")


async def test_waiting_prompts_can_be_taken_back_and_running_ones_cannot(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        running, kept, dropped = [(await queue.submit(submission(i))).prompt_id for i in range(3)]
        await executor.assignment()
        assert await queue.cancel([running, dropped, dropped, "nobody"]) == [dropped]
        assert names(await story(queue, dropped)) == ["Submitted", "Cancelled"]
        assert await queue.stats() == Stats(pending=1, running=1)
        assert await queue.cancel(None) == [kept]
        assert (await queue.get(kept)).state is PromptState.CANCELLED


async def test_an_interrupted_prompt_ends_when_its_executor_says_so(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        running, waiting = [(await queue.submit(submission(i))).prompt_id for i in range(2)]
        lease = (await executor.assignment()).lease
        assert await queue.interrupt([waiting, "nobody"]) == []
        assert await queue.interrupt(None) == [running]
        assert (await executor.next(Interruption)).lease == lease
        executor.interrupted(lease)
        assert isinstance((await story(queue, running))[-1].body, ExecutionInterrupted)
        assert (await queue.get(running)).state is PromptState.INTERRUPTED
        assert (await executor.assignment()).lease.prompt_id == waiting


async def test_a_prompt_whose_executor_is_gone_is_interrupted_at_once(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        prompt_id = (await queue.submit(submission(1))).prompt_id
        lease = (await executor.assignment()).lease
        await executor.leave()
    assert await queue.interrupt([prompt_id]) == [prompt_id]
    assert isinstance((await story(queue, prompt_id))[-1].body, ExecutionInterrupted)
    async with FakeExecutor(queue, held=[lease]) as executor:
        assert (await executor.next(LeaseLost)).lease == lease


async def test_finished_prompts_can_be_forgotten_and_others_cannot(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        done = [await run_one(queue, executor, submission(i)) for i in range(3)]
        running = (await queue.submit(submission(9))).prompt_id
        await executor.assignment()
        assert await queue.forget([done[1], running, "nobody"]) == [done[1]]
        with pytest.raises(NotFound):
            await queue.get(done[1])
        assert sorted(await queue.forget(None)) == sorted([done[0], done[2]])
        assert (await queue.list(list(PromptState)))[1] == 1


async def test_lists_are_in_order_and_in_pages(queue: Queue, clock: ManualClock) -> None:
    async with FakeExecutor(queue) as executor:
        done = []
        for i in range(5):
            clock.advance(1)
            done.append(await run_one(queue, executor, submission(i)))
        running = (await queue.submit(submission(6))).prompt_id
        await executor.assignment()
        waiting = [(await queue.submit(submission(7, front=front))).prompt_id for front in (False, True)]

    async def listed(*states: PromptState, limit: int = 0, offset: int = 0, from_end: bool = False) -> list[str]:
        prompts, total = await queue.list(states, limit=limit, offset=offset, from_end=from_end)
        assert total == len((await queue.list(states))[0])
        return [prompt.prompt_id for prompt in prompts]

    assert await listed(*TERMINAL) == done
    assert await listed(*TERMINAL, limit=2) == done[:2]
    assert await listed(*TERMINAL, limit=2, offset=1) == done[1:3]
    assert await listed(*TERMINAL, limit=2, offset=3) == done[3:]
    assert await listed(*TERMINAL, offset=4) == done[4:]
    assert await listed(*TERMINAL, limit=2, from_end=True) == done[3:]
    assert await listed(*TERMINAL, limit=4, offset=3, from_end=True) == done[3:]
    assert await listed(*TERMINAL, limit=9, offset=9) == []
    assert await listed(PromptState.CANCELLED) == []
    assert await listed(*PromptState) == [waiting[1], waiting[0], running, *done]
    assert await listed(*PromptState, limit=3, offset=1) == [waiting[0], running, done[0]]


@pytest.mark.parametrize(("limit", "offset"), [(-1, 0), (0, -1)])
async def test_a_list_cannot_begin_or_end_before_it_begins(queue: Queue, limit: int, offset: int) -> None:
    with pytest.raises(InvalidArgument, match="negative"):
        await queue.list(TERMINAL, limit=limit, offset=offset)


async def test_a_list_of_no_states_is_refused(queue: Queue) -> None:
    with pytest.raises(InvalidArgument, match="no state"):
        await queue.list([])


async def test_a_history_that_is_larger_than_a_message_comes_whole(queue: Queue) -> None:
    large = b'{"note": "%s"}' % (b"x" * (3 << 20))
    async with FakeExecutor(queue) as executor:
        done = [await run_one(queue, executor, submission(i, extra_data_json=large)) for i in range(4)]
    prompts, total = await queue.list(TERMINAL)
    assert [prompt.prompt_id for prompt in prompts] == done
    last, _ = await queue.list(TERMINAL, limit=3, from_end=True)
    assert [prompt.prompt_id for prompt in last] == done[1:]
    assert total == 4


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
        executor.tell(lease, ExecutionStarted(), started("1"), progress("1", 1.0))
        executor.tell(lease, progress("1", 2.0), finished("9"))
        await until(queue, prompt_id, lambda event: event.sequence == 4)
        watch = queue.watch()
        snapshot = await anext(watch)
        assert {event.prompt_id for event in snapshot} == {prompt_id} != {finished_before}
        assert names(snapshot) == [
            "Submitted",
            "Assigned",
            "ExecutionStarted",
            "NodeStarted",
            "NodeProgress",
            "NodeFinished",
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
    assert (prompt.state, len(prompt.attempts)) == (PromptState.FAILED, 3)


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
    mine = {"Show": CLASSES["Show"]}
    yours = {"Number": CLASSES["Number"]}
    async with FakeExecutor(queue, "a", slots=0, catalogue=publication(mine)):
        await queue.catalogue()
        async with FakeExecutor(queue, "b", slots=0, catalogue=publication(yours)):
            async with asyncio.timeout(10):
                while b"Number" not in ((await queue.catalogue())[1] or b""):
                    pass
            assert (await queue.submit(submission(1))).node_errors_json == b"{}"


async def test_every_attempt_is_announced_with_its_executor(queue: Queue) -> None:
    async with FakeExecutor(queue, "here") as executor:
        prompt_id = await run_one(queue, executor, submission(1))
        prompt: Prompt = await queue.get(prompt_id)
        assert [event.body for event in prompt.events if isinstance(event.body, Assigned)] == [Assigned("here", 1)]
