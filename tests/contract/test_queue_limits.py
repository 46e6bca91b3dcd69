"""What users may have waiting and running, and whose share is larger, by every queue there is."""

from __future__ import annotations

import asyncio
import json

import pytest

from services.errors import InvalidArgument, NotFound, ResourceExhausted
from services.graph.errors import PromptRejected
from services.queue.admission import QUEUE_FULL
from services.queue.node_rules import NOT_ALLOWED
from services.queue.prompts import Queue
from services.queue.records import UserLimits
from services.queue.stores.base import QueueStore
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import submission
from tests.queue.watching import story


async def test_what_was_said_about_users_is_kept(queue: Queue) -> None:
    bob = UserLimits(user_id="bob", max_waiting=0, max_running=3)
    await queue.quotas.set(bob)
    await queue.quotas.set(UserLimits(user_id="ann", weight=2.0))
    await queue.quotas.set(UserLimits(user_id="ann", weight=0.5, max_waiting=7))
    assert await queue.quotas.all() == [UserLimits(user_id="ann", weight=0.5, max_waiting=7), bob]
    await queue.quotas.delete("ann")
    with pytest.raises(NotFound, match="'ann' has no limits of their own"):
        await queue.quotas.delete("ann")
    assert await queue.quotas.all() == [bob]


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        ({"weight": 0.0}, "weight"),
        ({"weight": float("nan")}, "weight"),
        ({"weight": 1e6}, "weight"),
        ({"max_waiting": 1 << 31}, "max_waiting"),
        ({"max_running": 1 << 31}, "max_running"),
        ({"user_id": "x" * 257}, "user_id"),
        ({"user_id": "a\0"}, "user_id"),
    ],
)
async def test_limits_that_make_no_sense_are_refused(queue: Queue, limits: dict[str, object], complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint):
        await queue.quotas.set(UserLimits(**{"user_id": "ann", **limits}))  # type: ignore[arg-type]


async def test_no_more_prompts_of_a_user_wait_than_may(queue: Queue) -> None:
    await queue.quotas.set(UserLimits(user_id="ann", max_waiting=2))
    async with FakeExecutor(queue) as executor:
        running = (await queue.submit(submission(0, user_id="ann"))).prompt_id
        lease = (await executor.assignment()).lease
        answers = await asyncio.gather(
            *(queue.submit(submission(number, user_id="ann", idempotency_key=str(number))) for number in range(5)),
            return_exceptions=True,
        )
        refused = [answer for answer in answers if isinstance(answer, BaseException)]
        assert len(refused) == 3
        for error in refused:
            assert isinstance(error, ResourceExhausted)
            assert "2 prompts of user 'ann' wait already" in error.message
            assert (error.reason, error.retry_after is not None and error.retry_after >= 1) == (QUEUE_FULL, True)
        executor.succeed(lease)
        await story(queue, running)
        await executor.assignment()
        again = next(number for number, answer in enumerate(answers) if isinstance(answer, BaseException))
        await queue.submit(submission(again, user_id="ann", idempotency_key=str(again)))
        await queue.submit(submission(1, user_id="bob"))


async def test_an_answer_that_was_given_is_given_again_however_full_it_is(queue: Queue) -> None:
    await queue.quotas.set(UserLimits(user_id="ann", max_waiting=1))
    async with FakeExecutor(queue, slots=0):
        asked = submission(1, user_id="ann", idempotency_key="once")
        assert await queue.submit(asked) == await queue.submit(asked)


async def test_no_more_prompts_of_a_user_run_than_may_and_others_go_first(queue: Queue) -> None:
    await queue.quotas.set(UserLimits(user_id="ann", max_running=1))
    async with FakeExecutor(queue, slots=3) as executor:
        first, second = [(await queue.submit(submission(n, user_id="ann"))).prompt_id for n in range(2)]
        lease = (await executor.assignment()).lease
        assert lease.prompt_id == first
        other = (await queue.submit(submission(3, user_id="bob"))).prompt_id
        assert (await executor.assignment()).lease.prompt_id == other
        executor.succeed(lease)
        assert (await executor.assignment()).lease.prompt_id == second


async def test_a_limit_that_is_lifted_lets_prompts_run_at_once(queue: Queue) -> None:
    await queue.quotas.set(UserLimits(user_id="ann", max_running=1))
    async with FakeExecutor(queue, slots=3) as executor:
        prompt_ids = [(await queue.submit(submission(n, user_id="ann"))).prompt_id for n in range(3)]
        run = [(await executor.assignment()).lease.prompt_id]
        await queue.quotas.delete("ann")
        run += [(await executor.assignment()).lease.prompt_id for _ in range(2)]
        assert sorted(run) == sorted(prompt_ids)


async def test_twice_the_weight_is_twice_the_share(queue: Queue) -> None:
    await queue.quotas.set(UserLimits(user_id="heavy", weight=2.0))
    async with FakeExecutor(queue) as executor:
        await queue.submit(submission(0))
        lease = (await executor.assignment()).lease
        for user in ("heavy", "light"):
            for number in range(6):
                await queue.submit(submission(number, user_id=user, prompt_id=f"{user} {number}"))
        served = []
        for _ in range(6):
            executor.succeed(lease)
            lease = (await executor.assignment()).lease
            served.append(lease.prompt_id.split()[0])
        assert served.count("heavy") == 4


async def test_a_store_keeps_what_was_said_about_users(store: QueueStore) -> None:
    ann = UserLimits(user_id="ann", weight=1.5, max_running=2)
    await store.set_user_limits(UserLimits(user_id="ann", max_waiting=1))
    await store.set_user_limits(ann)
    assert await store.user_limits() == [ann]
    assert [await store.delete_user_limits("ann") for _ in range(2)] == [True, False]
    assert await store.user_limits() == []


async def test_a_prompt_has_only_nodes_that_its_user_may_run(queue: Queue) -> None:
    ann = UserLimits(user_id="ann", allowed_nodes=("Num*", "Show"), denied_nodes=("Number",))
    await queue.quotas.set(ann)
    await queue.quotas.set(UserLimits(user_id="bob", denied_nodes=("P*",)))
    assert (await queue.quotas.all())[0] == ann
    async with FakeExecutor(queue):
        with pytest.raises(PromptRejected) as refused:
            await queue.submit(submission(1, user_id="ann"))
        error, nodes = json.loads(refused.value.error_json), json.loads(refused.value.node_errors_json)
        assert (error["type"], "Number" in error["details"]) == (NOT_ALLOWED, True)
        assert {node["class_type"] for node in nodes.values()} == {"Number"}
        assert {found["type"] for node in nodes.values() for found in node["errors"]} == {NOT_ALLOWED}
        await queue.submit(submission(1, user_id="bob"))
        await queue.submit(submission(1))
        await queue.quotas.set(UserLimits(user_id="ann"))
        await queue.submit(submission(1, user_id="ann"))


@pytest.mark.parametrize("names", [("",), ("x" * 257,), ("a\0",), tuple(map(str, range(1001)))])
async def test_lists_of_nodes_that_make_no_sense_are_refused(queue: Queue, names: tuple[str, ...]) -> None:
    with pytest.raises(InvalidArgument, match="denied_nodes"):
        await queue.quotas.set(UserLimits(user_id="ann", denied_nodes=names))
