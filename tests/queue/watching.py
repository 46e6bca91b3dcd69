"""Following a queue in tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

from services.queue.records import Event

PATIENCE = 10.0  # seconds


class Watched(Protocol):
    """A queue, near or far."""

    def watch(
        self, prompt_id: str = "", *, after_sequence: int = 0, previews: bool = False
    ) -> AsyncIterator[list[Event]]: ...


async def story(queue: Watched, prompt_id: str, *, after_sequence: int = 0) -> list[Event]:
    """Everything durable that happens to a prompt, up to its end."""
    return await until(queue, prompt_id, lambda event: False, after_sequence=after_sequence)


async def until(
    queue: Watched, prompt_id: str, enough: Callable[[Event], bool], *, after_sequence: int = 0
) -> list[Event]:
    """The durable events of a prompt until one of them is enough, or the last."""
    events: list[Event] = []
    async with asyncio.timeout(PATIENCE):
        async for batch in queue.watch(prompt_id, after_sequence=after_sequence):
            for event in batch:
                events += [event] if event.is_durable else []
                if enough(event):
                    return events
    return events


async def happens(queue: Watched, prompt_id: str, body: type[Any]) -> Event:
    """The first such event of a prompt."""
    return (await until(queue, prompt_id, lambda event: isinstance(event.body, body)))[-1]


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what no event tells of."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.002)


def names(events: list[Event]) -> list[str]:
    """What happened, by the events' class names."""
    return [type(event.body).__name__ for event in events]
