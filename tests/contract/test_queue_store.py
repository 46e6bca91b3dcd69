"""What every store of the queue does."""

from __future__ import annotations

import asyncio
from functools import partial

import msgspec

from services.graph.events import ExecutionStarted, ExecutionSucceeded, NodeFinished, NodeProgress, NodeRef
from services.queue import life as lives
from services.queue.life import Life, Step
from services.queue.records import Accepted, PromptState
from services.queue.stores.base import QueueStore, Receipt
from services.queue.work import TimedEvent
from tests.contract.prompts import new

NODE = NodeRef.of_workflow("1")


def assign(life: Life, token: str = "token", now: float = 2.0) -> Step | None:
    return lives.assign(life, executor_id="e", token=token, now=now, lease_until=32.0)


def record(*events: object, token: str = "token", now: float = 5.0) -> partial[Step | None]:
    timed = tuple(TimedEvent(3.25, event) for event in events)  # type: ignore[arg-type]
    return partial(lives.record, token=token, events=timed, now=now)


async def finish(store: QueueStore, prompt_id: str, now: float = 5.0) -> None:
    await store.add(new(prompt_id))
    await store.apply(prompt_id, assign)
    await store.apply(prompt_id, record(ExecutionSucceeded(), now=now))


async def test_the_receipt_is_that_of_whoever_came_first(store: QueueStore) -> None:
    receipt = Receipt(Accepted("p", 3.0, b"{}"), b"p")
    assert await store.receipt("p") is None
    assert await store.add(new("p", 3)) == receipt
    assert await store.add(new("p", 4)) == receipt
    assert await store.receipt("p") == receipt
    assert await store.counts() | {PromptState.PENDING: 1} == await store.counts()


async def test_prompts_are_claimed_by_number_and_then_by_age(store: QueueStore) -> None:
    for prompt_id, number in (("c", 5.0), ("b", 1.0), ("d", 5.0), ("a", -2.0)):
        await store.add(new(prompt_id, number))
    claims = [await store.claim(assign) for _ in range(5)]
    assert [claim and claim.life.prompt_id for claim in claims] == ["a", "b", "c", "d", None]
    assert claims[0] is not None
    assert (claims[0].graph_json, claims[0].output_node_ids) == (b'{"1": {}}', ("1",))


async def test_no_prompt_is_claimed_twice(store: QueueStore) -> None:
    for i in range(20):
        await store.add(new(str(i), i))
    claims = await asyncio.gather(*(store.claim(partial(assign, token=str(i))) for i in range(30)))
    assert sorted(int(claim.life.prompt_id) for claim in claims if claim) == list(range(20))


async def test_a_transition_that_leaves_a_prompt_alone_changes_nothing(store: QueueStore) -> None:
    await store.add(new("p"))
    assert await store.apply("p", lambda life: None) is None
    assert await store.apply("nobody", assign) is None
    assert [life.state for life in await store.lives(PromptState.PENDING)] == [PromptState.PENDING]


async def test_a_life_is_kept_as_it_is(store: QueueStore) -> None:
    await store.add(new("p"))
    step = await store.apply("p", assign)
    assert step is not None
    asked = await store.apply("p", lives.request_interrupt)
    assert asked is not None
    assert await store.lives(PromptState.RUNNING) == [asked.life]
    assert asked.life.interrupt_requested and asked.life.lease == step.life.lease


async def test_lives_that_may_not_take_any_time_are_found_while_they_are_open(store: QueueStore) -> None:
    for prompt_id, limits in (("any", (0.0, 0.0)), ("run", (5.0, 0.0)), ("total", (0.0, 9.0)), ("over", (1.0, 1.0))):
        run_timeout, total_timeout = limits
        timed = msgspec.structs.replace(new(prompt_id), run_timeout=run_timeout, total_timeout=total_timeout)
        await store.add(timed)
    await store.apply("over", partial(lives.cancel, now=2.0))
    await store.apply("run", assign)
    found = {life.prompt_id: (life.state, life.run_timeout, life.total_timeout) for life in await store.limited()}
    assert found == {"run": (PromptState.RUNNING, 5.0, 0.0), "total": (PromptState.PENDING, 0.0, 9.0)}
    prompt = await store.get("run")
    assert prompt is not None and (prompt.run_timeout, prompt.total_timeout) == (5.0, 0.0)


async def test_durable_events_are_kept_and_fleeting_ones_are_only_told(store: QueueStore) -> None:
    told: list[Step] = []
    store.listen(told.append)
    await store.add(new("p"))
    await store.apply("p", assign)
    shown = NodeFinished(NODE, b'{"images": []}', False)
    bodies = [ExecutionStarted(), NodeProgress(NODE, 1, 2), shown, NodeFinished(NODE, b"", True), ExecutionSucceeded()]
    step = await store.apply("p", record(*bodies))
    assert step is not None and told[-1] == step
    assert [event.body for event in step.events] == bodies
    everything = [event for step in told for event in step.events if event.is_durable]
    assert await store.events("p", 0) == (PromptState.SUCCEEDED, everything)
    assert await store.events("p", 4) == (PromptState.SUCCEEDED, everything[4:])
    assert await store.events("nobody", 0) is None
    prompt = await store.get("p")
    assert prompt is not None and list(prompt.events) == everything


async def test_events_are_shown_with_a_prompt_once_it_has_finished(store: QueueStore) -> None:
    await store.add(new("p"))
    prompt = await store.get("p")
    assert prompt is not None and prompt.events == ()


async def test_steps_are_told_in_the_order_in_which_they_were_made_and_before_their_callers(
    store: QueueStore,
) -> None:
    told: list[tuple[str, PromptState]] = []
    store.listen(lambda step: told.append((step.life.prompt_id, step.life.state)))

    async def live(prompt_id: str) -> None:
        await store.add(new(prompt_id))
        assert (prompt_id, PromptState.PENDING) in told
        await store.apply(prompt_id, assign)
        assert (prompt_id, PromptState.RUNNING) in told

    await asyncio.gather(*(live(str(i)) for i in range(30)))
    for i in range(30):
        assert [state for prompt_id, state in told if prompt_id == str(i)] == [PromptState.PENDING, PromptState.RUNNING]


async def test_every_change_of_state_says_how_many_prompts_remain(store: QueueStore) -> None:
    remaining: list[list[int]] = []
    store.listen(lambda step: remaining.append([event.queue_remaining for event in step.events]))
    await finish(store, "p")
    await store.add(new("q"))
    await store.add(new("r"))
    await store.apply("q", assign)
    await store.apply("q", record(ExecutionStarted(), ExecutionSucceeded()))
    assert remaining == [[1], [1], [0], [1], [2], [2], [0, 1]]


async def test_counts_follow_the_prompts(store: QueueStore) -> None:
    await finish(store, "p")
    for prompt_id in ("q", "r"):
        await store.add(new(prompt_id))
    await store.claim(assign)
    counts = await store.counts()
    assert {state.value: count for state, count in counts.items() if count} == {
        "pending": 1,
        "running": 1,
        "succeeded": 1,
    }
    await store.forget(None)
    assert not (await store.counts()).get(PromptState.SUCCEEDED)


async def test_only_finished_prompts_are_forgotten_and_nothing_of_them_stays(store: QueueStore) -> None:
    for prompt_id in ("p", "q"):
        await finish(store, prompt_id)
    await store.add(new("r"))
    assert await store.forget(["p", "r", "nobody"]) == ["p"]
    assert await store.get("p") is None
    assert await store.receipt("p") is None
    assert await store.forget(None) == ["q"]
    assert await store.get("r") is not None


async def test_prompts_are_read_with_what_is_theirs_when_others_before_them_are_gone(store: QueueStore) -> None:
    for prompt_id in ("p", "q", "r", "s"):
        await store.add(msgspec.structs.replace(new(prompt_id), graph_json=prompt_id.encode()))
        await store.apply(prompt_id, assign)
        await store.apply(prompt_id, record(ExecutionSucceeded()))
    await store.forget(["p", "r"])
    for limit, from_end, expected in ((0, False, ["q", "s"]), (1, False, ["q"]), (1, True, ["s"])):
        page, total = await store.list([PromptState.SUCCEEDED], limit=limit, offset=0, from_end=from_end)
        assert ([prompt.prompt_id for prompt in page], total) == (expected, 2)
        assert [prompt.graph_json.decode() for prompt in page] == expected
        assert {event.prompt_id for prompt in page for event in prompt.events} == set(expected)
        assert all(len(prompt.events) == 3 for prompt in page)
    finished = [state for state in PromptState if state.is_terminal]
    everything, _ = await store.list(finished, limit=0, offset=0, from_end=False)
    assert [prompt.prompt_id for prompt in everything] == ["q", "s"]


async def test_the_counter_counts_from_zero(store: QueueStore) -> None:
    assert [await store.next_number() for _ in range(3)] == [0, 1, 2]


async def test_the_last_catalogue_is_kept(store: QueueStore) -> None:
    assert await store.catalogue() is None
    await store.save_catalogue("old", b"{}")
    await store.save_catalogue("new", b'{"A": {}}')
    assert await store.catalogue() == ("new", b'{"A": {}}')


async def test_finished_prompts_are_listed_by_when_they_finished(store: QueueStore) -> None:
    for prompt_id, finished_at in (("late", 30.0), ("early", 10.0), ("middle", 20.0)):
        await finish(store, prompt_id, finished_at)
    page, total = await store.list([PromptState.SUCCEEDED], limit=2, offset=0, from_end=True)
    assert ([prompt.prompt_id for prompt in page], total) == (["middle", "late"], 3)


async def test_the_oldest_are_forgotten_first(store: QueueStore) -> None:
    for number, prompt_id in enumerate("abcde"):
        await finish(store, prompt_id, now=10.0 + number)
    await store.add(new("waiting"))
    assert await store.forget_oldest(limit=10, beyond=5) == []
    assert await store.forget_oldest(limit=10, beyond=7) == []
    assert await store.forget_oldest(limit=10, before=10.0) == []
    assert await store.forget_oldest(limit=1, beyond=3) == ["a"]
    assert await store.forget_oldest(limit=10, beyond=3) == ["b"]
    assert sorted(await store.forget_oldest(limit=10, before=14.0)) == ["c", "d"]
    assert await store.get("c") is None
    assert await store.counts() | {PromptState.SUCCEEDED: 1, PromptState.PENDING: 1} == await store.counts()
    assert await store.forget_oldest(limit=10) == ["e"]
    assert await store.get("waiting") is not None


async def test_whose_files_a_prompt_sees_and_its_trace_are_kept(store: QueueStore) -> None:
    await store.add(msgspec.structs.replace(new("p"), file_space="ann", traceparent="00-a-b-01"))
    claim = await store.claim(assign)
    assert claim is not None
    assert (claim.file_space, claim.traceparent) == ("ann", "00-a-b-01")
    prompt = await store.get("p")
    assert prompt is not None
    assert prompt.file_space == "ann"
