"""A watcher that reads slowly loses what it can do without, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.errors import ResourceExhausted, Unavailable
from services.graph.events import ExecutionEvent, ExecutionSucceeded, NodePreview, NodeRef
from services.queue import watcher as limits
from services.queue.records import Event, Submitted
from services.queue.watcher import Watcher, portions
from tests.queue.executor import finished, progress, started


def event(body: ExecutionEvent | Submitted, sequence: int = 1) -> Event:
    return Event(prompt_id="p", sequence=sequence, happened_at=0.0, client_id="", body=body)


def preview(size: int = 10) -> Event:
    return event(NodePreview(NodeRef.of_workflow("1"), "image/jpeg", b"x" * size, provisional=True))


def kinds(batch: list[Event]) -> list[str]:
    return [type(event.body).__name__ for event in batch]


async def first(batches: AsyncIterator[list[Event]]) -> list[Event]:
    return await asyncio.wait_for(anext(batches), 5)


async def test_what_happens_together_is_told_together() -> None:
    watcher = Watcher("p", previews=False)
    for body in (started("1"), progress("1", 1), progress("1", 2)):
        watcher.push(event(body))
    batches = watcher.batches()
    assert kinds(await first(batches)) == ["NodeStarted", "NodeProgress", "NodeProgress"]
    watcher.push(event(finished("1")))
    watcher.push(event(ExecutionSucceeded()))
    assert kinds(await first(batches)) == ["NodeFinished", "ExecutionSucceeded"]


async def test_previews_are_for_those_who_want_them() -> None:
    plain, picture = Watcher("p", previews=False), Watcher("p", previews=True)
    for watcher in (plain, picture):
        watcher.push(preview())
    assert (plain.take(), kinds(picture.take())) == ([], ["NodePreview"])


def full(*events: Event, then: Event) -> Watcher:
    """A watcher with these events, filled up with others of one kind and one more."""
    watcher = Watcher("p", previews=True)
    for pushed in (*events, *[then] * (limits.MAX_EVENTS + 1 - len(events))):
        watcher.push(pushed)
    return watcher


async def test_previews_are_lost_first() -> None:
    held = kinds(full(event(Submitted()), event(started("1")), preview(), then=event(progress("1", 1))).take())
    assert held == ["Submitted", "NodeStarted", *["NodeProgress"] * (limits.MAX_EVENTS - 2)]


async def test_progress_is_lost_second() -> None:
    watcher = full(event(Submitted()), event(started("1")), then=event(progress("1", 1)))
    assert kinds(watcher.take()) == ["Submitted", "NodeStarted"]


async def test_what_else_is_fleeting_is_lost_third_and_durable_events_never() -> None:
    watcher = full(event(Submitted()), event(started("1")), then=event(finished("1")))
    assert kinds(watcher.take()) == ["Submitted", *["NodeFinished"] * (limits.MAX_EVENTS - 1)]


async def test_previews_are_weighed_and_not_only_counted() -> None:
    watcher = Watcher("p", previews=True)
    watcher.push(event(Submitted()))
    for _ in range(limits.MAX_BYTES >> 20):
        watcher.push(preview(1 << 20))
    assert kinds(watcher.take()) == ["Submitted"]


async def test_a_watcher_that_overflows_with_what_must_not_be_lost_is_told_so() -> None:
    watcher = Watcher("p", previews=False)
    for sequence in range(limits.MAX_EVENTS + 1):
        watcher.push(event(finished("1"), sequence))
    with pytest.raises(ResourceExhausted, match="too slowly"):
        await first(watcher.batches())


async def test_one_event_larger_than_all_limits_still_arrives() -> None:
    watcher = Watcher("p", previews=False)
    watcher.push(event(finished("1", b"x" * (limits.MAX_BYTES + 1))))
    assert len(watcher.take()) == 1


async def test_what_was_told_before_the_end_is_given_out_before_it() -> None:
    watcher = Watcher("p", previews=False)
    watcher.push(event(Submitted()))
    watcher.end(Unavailable("the queue is shutting down"))
    watcher.push(event(ExecutionSucceeded()))
    batches = watcher.batches()
    assert kinds(await first(batches)) == ["Submitted"]
    with pytest.raises(Unavailable):
        await first(batches)


def test_batches_fit_into_messages() -> None:
    large = [event(finished("1", b"x" * (3 << 20)), sequence) for sequence in range(3)]
    assert [len(batch) for batch in portions([*large, event(Submitted())])] == [1, 1, 2]
    assert list(portions([])) == [[]]
