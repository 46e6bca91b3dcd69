"""A clock whose hands the test turns."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class ManualClock:
    """Both clocks go on only with `advance`."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self._now = now
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> float:
        return self._now + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        """Sleep from this moment on, not from when somebody begins to wait for it."""
        awake = asyncio.Event()
        self._sleepers.append((self._elapsed + seconds, awake))
        if seconds <= 0:
            awake.set()
        return _until(awake)

    def jump(self, seconds: float) -> None:
        """Set the clock that people see."""
        self._now += seconds

    def advance(self, seconds: float) -> None:
        """Let time pass and wake whoever slept until then."""
        self._elapsed += seconds
        due = [sleeper for sleeper in self._sleepers if sleeper[0] <= self._elapsed]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper not in due]
        for _, awake in due:
            awake.set()


async def _until(awake: asyncio.Event) -> None:
    await awake.wait()
