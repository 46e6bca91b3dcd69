"""What another service knows, remembered for a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

#: Seconds for which it is not asked again.
FRESH = 0.5


class Momentary(Generic[T]):
    """The answer of now, or of a moment ago; one question serves all that ask meanwhile.

    Args:
        ask: is given the answer before, None the first time; what it raises passes through to whoever asked.
    """

    def __init__(self, ask: Callable[[T | None], Awaitable[T]]) -> None:
        self._ask = ask
        self._current: T | None = None
        self._fresh_until = 0.0
        self._asking = asyncio.Lock()

    async def get(self) -> T:
        """The answer."""
        if self._current is not None and time.monotonic() < self._fresh_until:
            return self._current
        async with self._asking:
            if self._current is None or time.monotonic() >= self._fresh_until:
                self._current = await self._ask(self._current)
                self._fresh_until = time.monotonic() + FRESH
            return self._current
