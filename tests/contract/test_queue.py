"""What every queue does with prompts: over the memory store, over SQLite, and from the other end of a connection."""

from __future__ import annotations

import asyncio

import pytest

from services.errors import AlreadyExists, InvalidArgument, NotFound, Unavailable
from services.graph.errors import PromptRejected
from services.queue.prompts import Queue
from services.queue.records import PromptKey, PromptOrder, PromptState, Search, Stats, Submission
from services.queue.work import Interruption
from tests.queue.clock import ManualClock
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import publication, submission
from tests.queue.running import run_one
from tests.queue.watching import names, story

TERMINAL = [state for state in PromptState if state.is_terminal]


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


async def test_runs_of_a_workflow_are_found_newest_first(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        ids = [await run_one(queue, executor, submission(n, workflow_id=f"wf-{n % 2}")) for n in range(5)]
    found, total = await queue.find(Search(states=frozenset(TERMINAL), workflow_id="wf-0", limit=2))
    assert ([prompt.prompt_id for prompt in found], total) == ([ids[4], ids[2]], 3)
    assert {(prompt.workflow_id, prompt.graph_json) for prompt in found} == {("wf-0", b"")}
    assert names(list(found[0].events))[-1] == "ExecutionSucceeded"
    alike, _ = await queue.find(Search(states=frozenset(TERMINAL), order=PromptOrder.DURATION, reversed=True))
    assert [prompt.prompt_id for prompt in alike] == ids[::-1]  # all took equally long by the clock of the tests


async def test_a_search_that_makes_no_sense_is_refused(queue: Queue) -> None:
    for search in (Search(states=frozenset()), Search(states=frozenset(TERMINAL), offset=-1)):
        with pytest.raises(InvalidArgument):
            await queue.find(search)


async def test_a_prompt_is_stopped_wherever_it_is(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        finished = await run_one(queue, executor, submission(1))
        running = (await queue.submit(submission(2))).prompt_id
        assignment = await executor.assignment()
        waiting = (await queue.submit(submission(3))).prompt_id
        assert sorted(await queue.stop([waiting, finished, running])) == sorted([waiting, running])
        assert (await executor.next(Interruption)).lease == assignment.lease
        executor.interrupted(assignment.lease)
        await story(queue, running)
    states = [(await queue.get(prompt_id)).state for prompt_id in (finished, running, waiting)]
    assert states == [PromptState.SUCCEEDED, PromptState.INTERRUPTED, PromptState.CANCELLED]


async def test_nothing_is_stopped_when_one_of_them_does_not_exist(queue: Queue) -> None:
    async with FakeExecutor(queue, slots=0):
        waiting = (await queue.submit(submission(1))).prompt_id
        with pytest.raises(NotFound, match="nobody"):
            await queue.stop([waiting, "nobody"])
    assert (await queue.get(waiting)).state is PromptState.PENDING


async def test_keys_are_those_of_the_prompts_that_would_be_listed(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        for number in range(5):
            await run_one(queue, executor, submission(number))
        await queue.submit(submission(9))
    for states in (TERMINAL, list(PromptState)):
        for limit, offset, from_end in ((2, 0, False), (2, 3, False), (3, 0, True), (9, 0, False)):
            listed, _ = await queue.list(states, limit=limit, offset=offset, from_end=from_end)
            keys = await queue.keys(states, limit=limit, offset=offset, from_end=from_end)
            assert keys == [PromptKey(prompt.prompt_id, prompt.finished_at) for prompt in listed]
    with pytest.raises(InvalidArgument):
        await queue.keys([], limit=1)
