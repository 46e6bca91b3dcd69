"""Lets nodes be coroutines in an engine that is not."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from contextvars import copy_context
from typing import Any


class Coroutines:
    """An event loop of its own, started when the first coroutine comes. Use as a context manager."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None

    def __enter__(self) -> Coroutines:
        return self

    def __exit__(self, *_: object) -> None:
        if self._runner is not None:
            self._runner.close()

    def settle(self, value: Any) -> Any:
        """The value, or what it gives when it is awaited; what it raises passes through."""
        if not inspect.isawaitable(value):
            return value
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(_wait_for(value), context=copy_context())


async def _wait_for(value: Awaitable[Any]) -> Any:
    return await value
