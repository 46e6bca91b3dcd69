"""What waits to be told to the queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.executor import outbox as limits
from services.executor.outbox import KEPT_REPORTS, Outbox
from services.graph.events import (
    ExecutionEvent,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeFinished,
    NodePreview,
    NodeProgress,
    NodeRef,
    NodeStarted,
)
from services.queue.logs import LogLine, LogLines
from services.queue.records import Lease
from services.queue.work import EventBatch, ExecutorMessage, LeaseRelease, TimedEvent, ValidationAnswer

LEASE = Lease("p", "t")
NODE = NodeRef.of_workflow("3")
OTHER = NodeRef.of_workflow("4")


def at(event: ExecutionEvent) -> TimedEvent:
    return TimedEvent(1.0, event)


def report(outbox: Outbox, *events: ExecutionEvent, lease: Lease = LEASE) -> None:
    for event in events:
        outbox.report(lease, at(event))


async def take(messages: AsyncIterator[ExecutorMessage]) -> ExecutorMessage:
    async with asyncio.timeout(5):
        return await anext(messages)


async def test_a_short_run_travels_in_one_message() -> None:
    outbox = Outbox()
    events = (ExecutionStarted(), NodeStarted(NODE), NodeFinished(NODE, b"{}", False), ExecutionSucceeded())
    report(outbox, *events)
    assert await take(outbox.messages()) == EventBatch(LEASE, tuple(at(event) for event in events), 0)


async def test_of_progress_and_glimpses_the_latest_few_of_each_node_are_sent() -> None:
    outbox = Outbox()
    messages = outbox.messages()
    report(outbox, NodeStarted(NODE))
    for step in range(KEPT_REPORTS + 3):
        report(outbox, NodeProgress(NODE, step, 99), NodePreview(NODE, "image/jpeg", bytes([step]), True))
        if step < 2:
            report(outbox, NodeProgress(OTHER, step, 9))
    report(outbox, ExecutionSucceeded())
    batch = await take(messages)
    assert isinstance(batch, EventBatch)
    events = [timed.event for timed in batch.events]
    latest = range(3, KEPT_REPORTS + 3)
    assert [event for event in events if isinstance(event, NodeProgress) and event.node == NODE] == [
        NodeProgress(NODE, step, 99) for step in latest
    ]
    assert [event.data for event in events if isinstance(event, NodePreview)] == [bytes([step]) for step in latest]
    assert NodeProgress(OTHER, 0, 9) in events
    assert (events[0], events[-1]) == (NodeStarted(NODE), ExecutionSucceeded())


async def test_a_few_reports_keep_their_order() -> None:
    outbox = Outbox()
    reports: list[ExecutionEvent] = []
    for step in range(3):
        reports += [NodeProgress(NODE, step, 3), NodePreview(NODE, "image/png", bytes([step]))]
    report(outbox, *reports, ExecutionSucceeded())
    batch = await take(outbox.messages())
    assert isinstance(batch, EventBatch)
    assert [timed.event for timed in batch.events] == [*reports, ExecutionSucceeded()]


async def test_progress_waits_a_moment_for_its_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROGRESS_DELAY", 0.0)
    monkeypatch.setattr(limits, "PICTURE_DELAY", 5.0)
    outbox = Outbox()
    messages = outbox.messages()
    progress, picture = NodeProgress(NODE, 1, 2), NodePreview(NODE, "image/png", b"png")
    report(outbox, NodeStarted(NODE), progress)
    assert await take(messages) == EventBatch(LEASE, (at(NodeStarted(NODE)),), 0)
    report(outbox, picture)
    assert await take(messages) == EventBatch(LEASE, (at(progress), at(picture)), 0)


async def test_pictures_that_a_node_means_to_show_are_all_sent() -> None:
    outbox = Outbox()
    shown = [NodePreview(NODE, "image/png", bytes([number])) for number in range(3)]
    report(outbox, *shown, ExecutionSucceeded())
    batch = await take(outbox.messages())
    assert isinstance(batch, EventBatch)
    assert [timed.event for timed in batch.events] == [*shown, ExecutionSucceeded()]


async def test_events_that_nothing_follows_are_sent_all_the_same() -> None:
    outbox = Outbox()
    messages = outbox.messages()
    waiting = asyncio.create_task(take(messages))
    await asyncio.sleep(0)
    report(outbox, NodeProgress(NODE, 1, 2))
    assert await waiting == EventBatch(LEASE, (at(NodeProgress(NODE, 1, 2)),), 0)


async def test_a_message_comes_after_the_events_before_it() -> None:
    outbox = Outbox()
    messages = outbox.messages()
    report(outbox, ExecutionStarted())
    outbox.say(LeaseRelease(LEASE, "worker killed", True))
    assert await take(messages) == EventBatch(LEASE, (at(ExecutionStarted()),), 0)
    assert await take(messages) == LeaseRelease(LEASE, "worker killed", True)


async def test_what_ends_a_lease_is_said_again_on_the_next_stream() -> None:
    outbox = Outbox()
    broken = outbox.messages()
    report(outbox, NodeStarted(NODE))
    assert await take(broken) == EventBatch(LEASE, (at(NodeStarted(NODE)),), 0)
    report(outbox, ExecutionSucceeded())
    last = await take(broken)
    outbox.say(ValidationAnswer("q", {}))
    assert outbox.leases() == {LEASE}
    messages = outbox.messages()
    assert await take(messages) == last
    assert await take(messages) == ValidationAnswer("q", {})


async def test_what_a_broken_stream_may_have_swallowed_is_said_again_with_its_place() -> None:
    outbox = Outbox()
    broken = outbox.messages()
    shown = NodeFinished(NODE, b"{}", False)
    report(outbox, ExecutionStarted(), NodeStarted(NODE))
    first = await take(broken)
    assert isinstance(first, EventBatch)
    report(outbox, NodeProgress(NODE, 1, 2), shown)
    assert await take(broken) == EventBatch(LEASE, (at(NodeProgress(NODE, 1, 2)), at(shown)), 1)
    messages = outbox.messages()
    assert await take(messages) == EventBatch(LEASE, (at(ExecutionStarted()), at(shown)), 0)
    report(outbox, ExecutionSucceeded())
    assert await take(messages) == EventBatch(LEASE, (at(ExecutionSucceeded()),), 2)


async def test_a_release_is_said_again_after_the_events_of_its_lease() -> None:
    outbox = Outbox()
    broken = outbox.messages()
    report(outbox, ExecutionStarted())
    release = LeaseRelease(LEASE, "worker killed", True)
    outbox.say(release)
    assert [await take(broken), await take(broken)][1] == release
    messages = outbox.messages()
    assert [await take(messages), await take(messages)] == [EventBatch(LEASE, (at(ExecutionStarted()),), 0), release]
    outbox.forget(LEASE)
    assert outbox.leases() == set()


async def test_a_lease_counts_as_held_until_its_end_is_said() -> None:
    outbox = Outbox()
    report(outbox, NodeStarted(NODE))
    assert outbox.leases() == {LEASE}
    report(outbox, ExecutionSucceeded())
    assert outbox.leases() == {LEASE}


async def test_a_broken_stream_takes_nothing_away_from_its_successor() -> None:
    outbox = Outbox()
    broken = asyncio.create_task(take(outbox.messages()))
    await asyncio.sleep(0)
    successor = asyncio.create_task(take(outbox.messages()))
    await asyncio.sleep(0)
    outbox.say(ValidationAnswer("q", {}))
    assert await successor == ValidationAnswer("q", {})
    assert isinstance((await asyncio.gather(broken, return_exceptions=True))[0], StopAsyncIteration)


async def test_nothing_is_said_about_a_lease_that_was_lost() -> None:
    outbox = Outbox()
    other = Lease("q", "u")
    report(outbox, NodeStarted(NODE), ExecutionSucceeded())
    report(outbox, NodeStarted(OTHER), lease=other)
    outbox.forget(LEASE)
    assert await take(outbox.messages()) == EventBatch(other, (at(NodeStarted(OTHER)),), 0)


async def test_a_closed_outbox_ends_once_all_is_taken() -> None:
    outbox = Outbox()
    report(outbox, NodeProgress(NODE, 1, 2))
    outbox.close()
    assert [message async for message in outbox.messages()] == [EventBatch(LEASE, (at(NodeProgress(NODE, 1, 2)),), 0)]


async def test_lines_of_the_log_wait_for_company_and_for_what_is_more_important() -> None:
    outbox = Outbox()
    messages = outbox.messages()
    first, second = LogLine(written_at=1.0, text="a\n"), LogLine(written_at=2.0, text="b\n")
    outbox.write([first])
    report(outbox, ExecutionStarted(), ExecutionSucceeded())
    outbox.write([second])
    assert isinstance(await take(messages), EventBatch)
    assert await take(messages) == LogLines((first, second))
    outbox.write([first])
    assert await take(messages) == LogLines((first,))


async def test_what_is_said_about_prompts_moves_and_the_rest_stays_unsaid() -> None:
    old, new = Outbox(), Outbox()
    sending = old.messages()
    report(old, ExecutionStarted(), NodeFinished(NODE, b"{}", False))
    assert await take(sending) == EventBatch(LEASE, (at(ExecutionStarted()), at(NodeFinished(NODE, b"{}", False))), 0)
    report(old, NodeProgress(NODE, 1, 2))
    old.say(ValidationAnswer("asked there", {}))
    old.write([LogLine(written_at=1.0, text="line\n")])
    report(old, ExecutionSucceeded())
    new.say(ValidationAnswer("asked here", {}))
    new.take_over(old)
    assert new.leases() == {LEASE} and old.leases() == set()
    messages = new.messages()
    assert await take(messages) == ValidationAnswer("asked here", {})
    again = await take(messages)
    assert again == EventBatch(LEASE, (at(ExecutionStarted()), at(NodeFinished(NODE, b"{}", False))), 0)
    told = [await take(messages) for _ in range(2)]
    assert told == [
        EventBatch(LEASE, (at(NodeProgress(NODE, 1, 2)),), 2),
        EventBatch(LEASE, (at(ExecutionSucceeded()),), 2),
    ]
    assert isinstance(await take(messages), LogLines)
