"""A queue in memory, and the clock it goes by."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.queue.prompts import Queue
from services.queue.stores.base import QueueStore
from services.queue.stores.memory import MemoryStore
from tests.queue.clock import ManualClock


@asynccontextmanager
async def running(store: QueueStore, clock: ManualClock, **settings: object) -> AsyncIterator[Queue]:
    """A queue on this store."""
    queue = Queue(store, clock=clock, lease_seconds=30.0, **settings)  # type: ignore[arg-type]
    await queue.start()
    try:
        yield queue
    finally:
        await queue.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def queue(clock: ManualClock) -> AsyncIterator[Queue]:
    async with running(MemoryStore(), clock) as queue:
        yield queue
