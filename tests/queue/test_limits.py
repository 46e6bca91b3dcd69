"""Limits for all, how long to wait for a place, and replicas."""

from __future__ import annotations

from typing import Any

import pytest

from services.errors import InvalidArgument, ResourceExhausted
from services.queue.node_rules import NodeRules
from services.queue.pace import LONGEST, SHORTEST, UNKNOWN
from services.queue.prompts import Queue
from services.queue.quotas import READING_INTERVAL, QueueLimits
from services.queue.records import Stats, UserLimits
from services.queue.stores.memory import MemoryStore
from tests.queue.clock import ManualClock
from tests.queue.conftest import running
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import submission
from tests.queue.shared_memory import SharedMemory
from tests.queue.watching import eventually


async def refusal(queue: Queue, user_id: str) -> ResourceExhausted:
    with pytest.raises(ResourceExhausted) as refused:
        await queue.submit(submission(1, user_id=user_id))
    return refused.value


async def test_all_have_what_the_queue_says_but_those_of_whom_somebody_said_otherwise(clock: ManualClock) -> None:
    limits = QueueLimits(max_waiting=5, max_waiting_per_user=2)
    async with running(MemoryStore(), clock, limits=limits) as queue, FakeExecutor(queue, slots=0):
        await queue.quotas.set(UserLimits(user_id="ann", max_waiting=0))
        for user_id in ("ann", "ann", "ann", "bob"):
            await queue.submit(submission(1, user_id=user_id))
        await queue.submit(submission(1, user_id="bob"))
        assert "2 prompts of user 'bob'" in (await refusal(queue, "bob")).message
        assert (await refusal(queue, "ann")).message.startswith("5 prompts wait already")
        await queue.cancel(None)
        await queue.submit(submission(1, user_id="bob"))


async def test_a_user_has_no_more_running_than_all_may(clock: ManualClock) -> None:
    limits = QueueLimits(max_running_per_user=2)
    async with running(MemoryStore(), clock, limits=limits) as queue, FakeExecutor(queue, slots=9) as executor:
        for number in range(12):
            await queue.submit(submission(number, user_id=f"user {number % 3}"))
        leases = [(await executor.assignment()).lease for _ in range(6)]
        assert await queue.stats() == Stats(pending=6, running=6)
        for lease in leases:
            executor.succeed(lease)
        for _ in leases:
            await executor.assignment()
        assert executor.nothing_more()


async def test_whoever_is_refused_is_told_how_fast_places_get_free(clock: ManualClock) -> None:
    limits = QueueLimits(max_waiting_per_user=1)
    async with running(MemoryStore(), clock, limits=limits) as queue, FakeExecutor(queue) as executor:
        await queue.submit(submission(0, user_id="ann"))
        lease = (await executor.assignment()).lease
        for seconds in (20, 20, 20):
            await queue.submit(submission(1, user_id="ann"))
            clock.advance(seconds)
            executor.beat(lease, free_slots=0)
            executor.succeed(lease)
            lease = (await executor.assignment()).lease
        await queue.submit(submission(1, user_id="ann"))
        assert (await refusal(queue, "ann")).retry_after == 15.0  # four had their turn in the last 60 s
        clock.advance(1e6)
        assert (await refusal(queue, "ann")).retry_after == LONGEST
        await queue.submit(submission(1, user_id="bob"))
        assert (await refusal(queue, "bob")).retry_after == UNKNOWN
        await queue.cancel(None)
        await queue.submit(submission(1, user_id="bob"))
        assert (await refusal(queue, "bob")).retry_after == SHORTEST


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        ({"max_waiting": -1}, "max-waiting must be from 0"),
        ({"max_running_per_user": -1}, "max-running-per-user must be from 0"),
        ({"nodes": NodeRules(("",))}, "allowed-nodes"),
        ({"nodes": NodeRules((), ("x" * 300,))}, "denied-nodes"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint):
        QueueLimits(**limits)


async def test_what_one_replica_is_told_the_other_knows(clock: ManualClock) -> None:
    stores: list[SharedMemory] = []
    async with running(SharedMemory(stores), clock) as a, running(SharedMemory(stores), clock) as b:
        stores[1]._user_limits = stores[0]._user_limits
        await a.quotas.set(UserLimits(user_id="ann", max_waiting=3))

        async def is_known() -> bool:
            clock.advance(READING_INTERVAL)
            return b.quotas.max_waiting("ann") == 3

        await eventually(is_known)
