"""Running a coroutine that SIGTERM and SIGINT end in an orderly way."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


def run_until_signal(work: Coroutine[None, None, T]) -> T | None:
    """Run `work` and return its result, or None when a signal cancelled it first.

    Only the first signal counts: what `work` does on its way out is bounded and not to be torn apart.
    """
    return asyncio.run(_cancel_on_signal(work))


async def _cancel_on_signal(work: Coroutine[None, None, T]) -> T | None:
    task = asyncio.ensure_future(work)
    signalled = False

    def cancel_once() -> None:
        nonlocal signalled
        if not signalled:
            signalled = True
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, cancel_once)
    try:
        return await task
    except asyncio.CancelledError:
        if signalled:
            return None
        raise
