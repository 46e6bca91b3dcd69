"""What time it is, and waiting for a later one: a collaborator, so that tests can turn the hands."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Times in seconds."""

    def now(self) -> float:
        """Since the epoch, for people and records; it may jump."""
        ...

    def monotonic(self) -> float:
        """Since some moment, for deadlines; it never jumps, and stands still while the machine sleeps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when `monotonic` has advanced that far."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
