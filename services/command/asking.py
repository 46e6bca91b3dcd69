"""One question to the queue, from a command that then ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.queue.client import QueueClient
from services.rpc.security import Security

T = TypeVar("T")


def ask(address: str, security: Security, question: Callable[[QueueClient], Awaitable[T]]) -> T:
    """The answer of the queue; raises what the question raises, and `Unavailable` when no queue answers."""

    async def answer() -> T:
        async with QueueClient(address, security) as queue:
            return await question(queue)

    return asyncio.run(answer())
