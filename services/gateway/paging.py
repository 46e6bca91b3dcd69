"""Reading many prompts from the queue, a page at a time, so that no answer outgrows a message or our memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

import msgspec

from services.queue.client import QueueClient
from services.queue.records import Page, Prompt, PromptState, Search

#: Prompts asked for at once.
PAGE = 64

#: More prompts than any queue holds.
_MOST = 2**31 - 1


def whole(text: str) -> int:
    """The number of prompts, or of those to leave out, that a query names; no farther from 0 than a queue can reach.

    Raises:
        ValueError: it is not a whole number.
    """
    return max(-_MOST, min(int(text), _MOST))


async def prompts(
    queue: QueueClient, states: Collection[PromptState], start: int = 0, count: int | None = None
) -> AsyncIterator[Prompt]:
    """`count` prompts from the position `start` on, in their order; all that follow when None."""
    position = start
    stop = None if count is None else start + count
    while stop is None or position < stop:
        limit = PAGE if stop is None else min(PAGE, stop - position)
        found, total = await queue.list(states, limit=limit, offset=position)
        for prompt in found:
            yield prompt
        position += len(found)
        if not found or position >= total:
            return


async def last_prompts(queue: QueueClient, states: Collection[PromptState], count: int) -> AsyncIterator[Prompt]:
    """The last `count` prompts, in their order."""
    if count <= PAGE:
        found, _ = await queue.list(states, limit=count, from_end=True)
        for prompt in found:
            yield prompt
        return
    _, total = await queue.list(states, limit=1, from_end=True)
    async for prompt in prompts(queue, states, max(0, total - count), count):
        yield prompt


async def found(queue: QueueClient, search: Search) -> AsyncIterator[Page]:
    """What a search answers, in pages; at least one, which may be empty."""
    stop = search.offset + search.limit if search.limit else None
    position = search.offset
    while True:
        limit = PAGE if stop is None else min(PAGE, stop - position)
        page, total = await queue.find(msgspec.structs.replace(search, limit=limit, offset=position))
        yield page, total
        position += len(page)
        if not page or position >= total or position == stop:
            return
