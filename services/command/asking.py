"""One question to the queue, from a command that then ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.queue.client import QueueClient
from services.rpc.security import SecuritySettings
from services.settings import setting, settings

T = TypeVar("T")


@settings
class AskingSettings(SecuritySettings):
    """Which queue is asked."""

    queue: str = setting(
        default="127.0.0.1:8190", help="address of the queue, or those of its replicas with commas between them"
    )


def ask(settings: AskingSettings, question: Callable[[QueueClient], Awaitable[T]]) -> T:
    """The answer of the queue; raises what the question raises, and `Unavailable` when no queue answers."""

    async def answer() -> T:
        async with QueueClient(settings.queue, settings.security) as queue:
            return await question(queue)

    return asyncio.run(answer())
