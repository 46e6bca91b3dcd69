"""What is told of prompts, of what waits, and of executors."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from services.graph.errors import PromptRejected
from services.graph.events import ExecutionFailed, ExecutionStarted
from services.queue.metrics.collector import QueueCollector
from services.queue.metrics.depth import depth_families
from services.queue.metrics.store import measured
from services.queue.prompts import Queue
from services.queue.records import Depth, PromptState, Submission
from services.queue.stores.memory import MemoryStore
from services.queue.work import LeaseRelease
from tests.queue.clock import ManualClock
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import submission
from tests.queue.running import run_one
from tests.queue.watching import eventually, story


class Counted:
    """A queue with its metrics."""

    def __init__(self, clock: ManualClock) -> None:
        self.registry = CollectorRegistry()
        self.queue = Queue(MemoryStore(), clock=clock, registry=self.registry, lease_seconds=30.0)

    def value(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"silverprint_queue_{name}", labels) or 0.0


@pytest.fixture
async def counted(clock: ManualClock):  # type: ignore[no-untyped-def]
    counted = Counted(clock)
    await counted.queue.start()
    yield counted
    await counted.queue.close()


async def test_prompts_are_counted_by_how_they_end(counted: Counted) -> None:
    queue = counted.queue
    async with FakeExecutor(queue) as executor:
        await run_one(queue, executor, submission(1))
        accepted = await queue.submit(submission(2))
        lease = (await executor.assignment()).lease
        executor.tell(lease, ExecutionStarted(), ExecutionFailed("1", "Number", "ValueError", "no"))
        await story(queue, accepted.prompt_id)
        blocker, cancelled = await queue.submit(submission(3)), await queue.submit(submission(4))
        await queue.cancel([cancelled.prompt_id])
        await executor.assignment()
        with pytest.raises(PromptRejected):
            await queue.submit(Submission(graph_json=b"{}"))
    assert blocker
    assert counted.value("prompts_submitted_total") == 4
    assert counted.value("prompts_rejected_total", reason="prompt_no_outputs") == 1
    outcomes = {state: counted.value("prompts_finished_total", outcome=state) for state in ("succeeded", "failed")}
    assert outcomes == {"succeeded": 1, "failed": 1}
    assert counted.value("prompts_finished_total", outcome="cancelled") == 1
    assert counted.value("attempts_total") == 3
    assert counted.value("run_seconds_count", outcome="succeeded") == 1
    assert counted.value("run_seconds_count", outcome="cancelled") == 0


async def test_waits_are_measured_once_by_priority(counted: Counted, clock: ManualClock) -> None:
    queue = counted.queue
    async with FakeExecutor(queue) as first:
        first.beat(free_slots=0)

        async def is_full() -> bool:
            return [executor.free_slots for executor in await queue.executors()] == [0]

        await eventually(is_full)
        await queue.submit(submission(1, priority=5))
        clock.advance(7)
        first.beat(free_slots=1)
        lease = (await first.assignment()).lease
        first.say(LeaseRelease(lease, "worker killed by signal 9", True))
        first.beat(free_slots=1)
        await first.assignment()
    assert counted.value("wait_seconds_count", priority="high") == 1
    assert counted.value("wait_seconds_sum", priority="high") == 7
    assert counted.value("redeliveries_total") == 1
    assert counted.value("attempts_total") == 2


async def test_leases_that_run_out_are_counted(counted: Counted, clock: ManualClock) -> None:
    async with FakeExecutor(counted.queue) as executor:
        await counted.queue.submit(submission(1))
        await executor.assignment()
    clock.advance(31)

    async def expired() -> bool:
        return counted.value("lease_expiries_total") == 1

    await eventually(expired)


async def test_what_waits_and_who_is_there_are_read_when_they_are_asked_for(
    counted: Counted, clock: ManualClock
) -> None:
    queue = counted.queue
    counted.registry.register(QueueCollector(queue.reading))
    async with FakeExecutor(queue, "gpu-1") as executor:
        await queue.submit(submission(1, priority=-3, user_id="ada"))
        await executor.assignment()
        await queue.submit(submission(2))
        text = (await asyncio.to_thread(generate_latest, counted.registry)).decode()
    assert 'silverprint_queue_depth{priority="low",state="running",user="named"} 1.0' in text
    assert 'silverprint_queue_depth{priority="normal",state="pending",user="anonymous"} 1.0' in text
    assert 'silverprint_queue_depth{priority="high",state="pending",user="named"} 0.0' in text
    assert "silverprint_queue_store_up 1.0" in text
    assert 'silverprint_device_vram_total_bytes{device="cpu",executor="gpu-1"} 8.589934592e+09' in text
    assert 'silverprint_executor_slots{executor="gpu-1"} 1.0' in text


async def test_a_store_that_does_not_answer_leaves_the_rest(counted: Counted) -> None:
    async def fails() -> tuple[list[Depth], list[object]]:
        raise OSError("the disk is gone")

    counted.registry.register(QueueCollector(fails))  # type: ignore[arg-type]
    text = (await asyncio.to_thread(generate_latest, counted.registry)).decode()
    assert "silverprint_queue_store_up 0.0" in text
    assert "silverprint_queue_depth" not in text
    assert "silverprint_queue_attempts_total 0.0" in text


def test_the_age_of_the_oldest_that_waits() -> None:
    depths = [Depth(PromptState.PENDING, 9, True, 2, 100.0), Depth(PromptState.RUNNING, 9, True, 1, 10.0)]
    _, ages = depth_families(depths, now=160.0)
    assert {sample.labels["priority"]: sample.value for sample in ages.samples} == {"high": 60, "normal": 0, "low": 0}


async def test_the_store_is_timed_by_operation(clock: ManualClock) -> None:
    registry = CollectorRegistry()
    queue = Queue(measured(MemoryStore(), registry), clock=clock)
    await queue.start()
    async with FakeExecutor(queue) as executor:
        prompt_id = await run_one(queue, executor, submission(1))
    assert (await queue.get(prompt_id)).state is PromptState.SUCCEEDED
    await queue.close()

    def count(operation: str) -> float:
        return registry.get_sample_value("silverprint_queue_store_seconds_count", {"operation": operation}) or 0

    assert count("add") == 1
    assert min(count("claim"), count("apply"), count("get")) >= 1
    assert count("find") == 0
