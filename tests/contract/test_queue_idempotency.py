"""A submission with an idempotency key is taken once, however often it is sent, by every queue there is."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from services.errors import AlreadyExists, InvalidArgument
from services.graph.errors import PromptRejected
from services.queue.idempotency import KEY_LIFETIME, KEY_REUSE, MAX_KEY_LENGTH
from services.queue.prompts import Queue
from services.queue.records import Stats, Submission
from services.queue.stores.base import SWEPT_KEYS, Keyed, QueueStore
from tests.contract.prompts import new
from tests.queue.clock import ManualClock
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import submission
from tests.queue.running import run_one


async def test_the_same_submission_again_gets_the_first_answer_again(queue: Queue) -> None:
    async with FakeExecutor(queue, slots=0):
        first = await queue.submit(submission(1, idempotency_key="once"))
        assert await queue.submit(submission(1, idempotency_key="once")) == first
        assert (await queue.submit(submission(1, idempotency_key="twice"))).prompt_id != first.prompt_id
        assert await queue.stats() == Stats(pending=2, running=0)


async def test_submissions_at_once_with_one_key_are_one_prompt(queue: Queue) -> None:
    async with FakeExecutor(queue, slots=0):
        await queue.catalogue()
        answers = await asyncio.gather(*(queue.submit(submission(1, idempotency_key="once")) for _ in range(10)))
        assert len({answer.prompt_id for answer in answers}) == 1
        assert await queue.stats() == Stats(pending=1, running=0)


@pytest.mark.parametrize("other", [submission(2), submission(1, prompt_id="mine"), submission(1, client_id="me")])
async def test_another_submission_with_the_key_is_refused(queue: Queue, other: Submission) -> None:
    async with FakeExecutor(queue, slots=0):
        first = await queue.submit(submission(1, idempotency_key="once"))
        with pytest.raises(AlreadyExists, match=f"'once' was used for a different .* {first.prompt_id}") as refusal:
            await queue.submit(msgspec.structs.replace(other, idempotency_key="once"))
        assert refusal.value.reason == KEY_REUSE


async def test_a_key_is_the_user_s_own(queue: Queue) -> None:
    async with FakeExecutor(queue, slots=0):
        ids = [
            (await queue.submit(submission(number, idempotency_key="once", user_id=user))).prompt_id
            for number, user in enumerate(("", "ann", "bob"))
        ]
        assert len(set(ids)) == 3


async def test_a_key_outlives_its_prompt_and_ends_after_a_day(queue: Queue, clock: ManualClock) -> None:
    async with FakeExecutor(queue) as executor:
        first = await run_one(queue, executor, submission(1, idempotency_key="once"))
        await queue.forget(None)
        clock.advance(KEY_LIFETIME - 1)
        assert (await queue.submit(submission(1, idempotency_key="once"))).prompt_id == first
        clock.advance(1)
        assert (await queue.submit(submission(2, idempotency_key="once"))).prompt_id != first


async def test_what_was_rejected_is_not_remembered(queue: Queue) -> None:
    async with FakeExecutor(queue, slots=0):
        with pytest.raises(PromptRejected):
            await queue.submit(Submission(graph_json=b"{}", idempotency_key="once"))
        await queue.submit(submission(1, idempotency_key="once"))


@pytest.mark.parametrize("key", ["x" * (MAX_KEY_LENGTH + 1), "a\nb", "\x00", "\x7f"])
async def test_what_cannot_be_a_key_is_refused(queue: Queue, key: str) -> None:
    with pytest.raises(InvalidArgument, match="the idempotency key has"):
        await queue.submit(submission(1, idempotency_key=key))


async def test_the_longest_key_is_taken(queue: Queue) -> None:
    async with FakeExecutor(queue, slots=0):
        await queue.submit(submission(1, idempotency_key="\u00fc" * MAX_KEY_LENGTH))


def keyed(prompt_id: str, key: str, *, now: float, lifetime: float = 10.0) -> Keyed:
    return Keyed(user_id="", key=key, digest=prompt_id.encode(), expires_at=now + lifetime)


async def test_a_store_tells_by_which_key_it_knows_a_submission(store: QueueStore) -> None:
    first = msgspec.structs.replace(new("p"), keyed=keyed("p", "key", now=1.5))
    added = await store.add(first)
    again = await store.add(msgspec.structs.replace(first, prompt_id="q"))
    assert (added.key, again.key, again.content_digest, again.accepted) == ("", "key", b"p", added.accepted)
    assert await store.receipt_of_key("", "key", 11.0) == again
    assert await store.receipt_of_key("", "key", 11.5) is None
    assert await store.receipt_of_key("another", "key", 2.0) is None


async def test_expired_keys_do_not_pile_up(store: QueueStore) -> None:
    old, fresh = SWEPT_KEYS * 3, SWEPT_KEYS * 2
    for number in range(old + fresh):
        now = 1.5 if number < old else 20.0
        key = keyed(str(number), str(number), now=now)
        await store.add(msgspec.structs.replace(new(str(number)), keyed=key, submitted_at=now))
    known = [await store.receipt_of_key("", str(number), 0.0) for number in range(old + fresh)]
    assert sum(receipt is not None for receipt in known) == fresh
