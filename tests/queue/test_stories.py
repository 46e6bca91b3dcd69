"""Which events are news, when several replicas tell of the same prompts."""

from __future__ import annotations

import pytest

from services.graph.events import ExecutionStarted, ExecutionSucceeded
from services.queue.client import stories as limits
from services.queue.client.stories import Stories
from services.queue.records import Assigned, Event, Submitted
from tests.queue.executor import progress


def event(sequence: int, body: object, prompt_id: str = "p", happened_at: float = 1.0) -> Event:
    return Event(prompt_id=prompt_id, sequence=sequence, happened_at=happened_at, client_id="", body=body)  # type: ignore[arg-type]


LIFE = [
    event(1, Submitted()),
    event(2, Assigned("e", 1)),
    event(3, ExecutionStarted()),
    event(4, ExecutionSucceeded()),
]


def test_durable_events_are_news_once() -> None:
    stories = Stories()
    assert [stories.take(one) for one in (*LIFE, *LIFE)] == [True] * 4 + [False] * 4
    assert stories.has_ended("p") and stories.running() == []


def test_what_does_not_last_is_news_until_it_is_overtaken() -> None:
    stories = Stories()
    for one in LIFE[:3]:
        stories.take(one)
    assert stories.running() == ["p"]
    assert [stories.take(event(sequence, progress("1", 1.0))) for sequence in (2, 3)] == [False, True]
    stories.take(LIFE[3])
    assert not stories.take(event(4, progress("1", 1.0)))


def test_what_is_missing_is_known_by_the_numbers() -> None:
    stories = Stories()
    assert stories.missing_before(LIFE[1]) == 0
    stories.take(LIFE[0])
    assert stories.missing_before(LIFE[1]) is None
    assert stories.missing_before(LIFE[2]) == 1
    assert stories.missing_before(event(2, progress("1", 1.0))) == 1
    assert stories.missing_before(event(1, Submitted(), "another")) is None


def test_an_id_may_be_that_of_another_prompt_once_the_first_one_is_forgotten() -> None:
    stories = Stories()
    for one in LIFE:
        stories.take(one)
    again = event(1, Submitted(), happened_at=2.0)
    assert stories.take(again)
    assert not stories.take(again)
    assert stories.sequence("p") == 1 and not stories.has_ended("p")


def test_few_ended_prompts_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ENDED", 2)
    stories = Stories()
    for name in "abc":
        stories.take(event(1, ExecutionSucceeded(), name))
    assert [stories.has_ended(name) for name in "abc"] == [False, True, True]
