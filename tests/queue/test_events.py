"""The hub: who is told, what a newcomer is told, and whether previews are wanted."""

from __future__ import annotations

import pytest

from services.errors import Unavailable
from services.graph.events import ExecutionEvent, ExecutionSucceeded, NodePreview, NodeRef
from services.queue.events import EventHub
from services.queue.records import Event, Requeued
from tests.queue.executor import finished, progress, started


def event(body: ExecutionEvent | Requeued, prompt_id: str = "p") -> Event:
    return Event(prompt_id=prompt_id, sequence=2, happened_at=0.0, client_id="", body=body)


def publish(hub: EventHub, *bodies: ExecutionEvent | Requeued) -> None:
    hub.publish([event(body) for body in bodies])


def preview(node_id: str = "1", data: bytes = b"x") -> NodePreview:
    return NodePreview(NodeRef.of_workflow(node_id), "image/jpeg", data)


def latest(hub: EventHub, *, previews: bool = True) -> list[object]:
    return [event.body for event in hub.latest("p", previews=previews)]


@pytest.fixture
def demands() -> list[str | None]:
    return []


@pytest.fixture
def hub(demands: list[str | None]) -> EventHub:
    return EventHub(demands.append)


async def test_a_watcher_of_one_prompt_is_not_told_about_others(hub: EventHub) -> None:
    with hub.watch("p", previews=False) as one, hub.watch(None, previews=False) as everything:
        hub.publish([event(started("1")), event(started("1"), "q")])
        assert [event.prompt_id for event in one.take()] == ["p"]
        assert [event.prompt_id for event in everything.take()] == ["p", "q"]


def test_of_every_node_the_latest_progress_is_kept_and_of_the_prompt_the_latest_preview(hub: EventHub) -> None:
    old, new = preview("1", b"old"), preview("2", b"new")
    publish(hub, started("1"), progress("1", 1), old, progress("1", 2), started("2"), new)
    assert latest(hub) == [started("1"), progress("1", 2), started("2"), new]
    assert latest(hub, previews=False) == [started("1"), progress("1", 2), started("2")]


def test_a_node_that_has_finished_is_no_longer_in_progress(hub: EventHub) -> None:
    publish(hub, started("1"), progress("1", 1), preview("1"), finished("1"))
    assert latest(hub) == []
    publish(hub, started("2"), finished("2", b""))
    assert latest(hub) == [finished("2", b"")]


@pytest.mark.parametrize("end", [ExecutionSucceeded(), Requeued("lost")])
def test_nothing_of_an_attempt_is_kept_when_it_is_over(hub: EventHub, end: ExecutionEvent | Requeued) -> None:
    publish(hub, started("1"), progress("1", 1), end)
    assert (latest(hub), hub.running()) == ([], [])


def test_demand_is_told_when_a_watcher_of_previews_comes_and_when_it_goes(
    hub: EventHub, demands: list[str | None]
) -> None:
    with hub.watch("p", previews=False):
        assert (demands, hub.wants_previews("p")) == ([], False)
    with hub.watch("p", previews=True):
        assert (hub.wants_previews("p"), hub.wants_previews("q")) == (True, False)
    with hub.watch(None, previews=True):
        assert hub.wants_previews("q")
    assert demands == ["p", "p", None, None]
    assert not hub.wants_previews("p")


async def test_a_closed_hub_ends_every_watch_and_begins_none(hub: EventHub) -> None:
    with hub.watch("p", previews=False) as one, hub.watch(None, previews=False) as everything:
        hub.close()
        for watcher in (one, everything):
            with pytest.raises(Unavailable, match="shutting down"):
                await anext(watcher.batches())
    with pytest.raises(Unavailable), hub.watch("p", previews=False):
        pass
