"""The judge is no pushover, and links do what storms ask of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

import msgspec
import pytest

from services.graph.events import ExecutionStarted, ExecutionSucceeded
from services.queue.records import Assigned, Attempt, Event, LifecycleEvent, Prompt, PromptState, Requeued, Submitted
from tests.chaos.clients import Task
from tests.chaos.link import Link
from tests.chaos.verdict import of_task


def event(number: int, body: LifecycleEvent | ExecutionStarted | ExecutionSucceeded) -> Event:
    return Event(prompt_id="p", sequence=number, happened_at=1.0, client_id="", body=body)


STORY: tuple[LifecycleEvent | ExecutionStarted | ExecutionSucceeded, ...] = (
    Submitted(),
    Assigned("e", 1),
    Requeued("lost"),
    Assigned("f", 2),
    ExecutionStarted(),
    ExecutionSucceeded(),
)
GOOD = Prompt(
    prompt_id="p",
    state=PromptState.SUCCEEDED,
    number=0.0,
    graph_json=b"{}",
    extra_data_json=b"{}",
    client_id="",
    output_node_ids=(),
    submitted_at=1.0,
    attempts=(Attempt(1, "e", 2.0, 3.0, "lost"), Attempt(2, "f", 3.0, 4.0, "succeeded")),
    events=tuple(event(number, body) for number, body in enumerate(STORY, start=1)),
)


def task(**changes: object) -> Task:
    told = Task(seconds=0.1, prompt_id="p", events=list(GOOD.events), ends=Counter({"terminal": 1}))
    for name, value in changes.items():
        setattr(told, name, value)
    return told


def complaints(told: Task, prompt: Prompt, **written: int) -> list[str]:
    return list(of_task(told, prompt, Counter({"begun": 2, "ended": 1} | written)))


def test_what_is_well_is_not_complained_about() -> None:
    assert complaints(task(), GOOD) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"state": PromptState.FAILED}, "it is failed after the attempts"),
        ({"events": GOOD.events[:-1]}, "it has 0 terminal events"),
        ({"events": (*GOOD.events, event(7, ExecutionSucceeded()))}, "it has 2 terminal events"),
        ({"events": GOOD.events[1:]}, "its events are numbered [2, 3, 4, 5, 6]"),
        ({"attempts": GOOD.attempts[1:]}, "its attempts are numbered [2]"),
        ({"attempts": (Attempt(1, "e", 2.0, None), GOOD.attempts[1])}, "attempt 1 has no end"),
        ({"attempts": (GOOD.attempts[0], Attempt(2, "f", 2.5, 4.0, "succeeded"))}, "attempt 2 ran from 2.5 to 4.0"),
        ({"attempts": (GOOD.attempts[0], Attempt(2, "g", 3.0, 4.0, "succeeded"))}, "and it was assigned"),
    ],
)
def test_a_prompt_whose_parts_do_not_agree_is_complained_about(changes: dict[str, object], complaint: str) -> None:
    wrong = msgspec.structs.replace(GOOD, **changes)
    assert complaint in "; ".join(complaints(task(events=list(wrong.events)), wrong))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"events": list(GOOD.events[:-2]) + [GOOD.events[-1]]}, "its watcher saw"),
        ({"ends": Counter({"terminal": 2})}, "its watcher saw 2 ends"),
        ({"ends": Counter({"failed": 1})}, "its client was told that it failed"),
        ({"ends": Counter(), "events": []}, "its client never heard of its end"),
    ],
)
def test_a_client_that_heard_something_else_is_complained_about(changes: dict[str, object], complaint: str) -> None:
    assert complaint in "; ".join(complaints(task(**changes), GOOD))


def test_what_the_nodes_wrote_down_counts() -> None:
    assert complaints(task(), GOOD, ended=0) == ["it succeeded, and its node never did"]
    assert complaints(task(), GOOD, begun=3) == ["its node began 3 times in 2 attempts"]


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    echoing: list[asyncio.Task[object]] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        echoing.append(task)
        with contextlib.suppress(ConnectionResetError):
            while data := await reader.read(100):
                writer.write(data)
        writer.close()
        await _closed(writer)

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with Link("here-there", server.sockets[0].getsockname()[1]) as link:
        yield link
    server.close()
    await asyncio.gather(*echoing)


async def test_a_link_that_is_stalled_lets_everything_through_afterwards(link: Link) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    writer.write(b"first")
    assert await reader.readexactly(5) == b"first"
    link.stall()
    writer.write(b"later")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readexactly(5), 0.1)
    link.resume()
    assert await reader.readexactly(5) == b"later"
    writer.close()
    await _closed(writer)


async def test_a_link_that_is_cut_resets_its_connections_and_takes_new_ones(link: Link) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    writer.write(b"first")
    assert await reader.readexactly(5) == b"first"
    link.cut()
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    await _closed(writer)
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    writer.write(b"again")
    assert await reader.readexactly(5) == b"again"
    writer.close()
    await _closed(writer)


async def _closed(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
