"""Every queue there is: over the memory store, over SQLite, and from the other end of a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

import pytest

from services.queue.client import QueueClient
from services.queue.prompts import Queue
from services.queue.servicer import QueueServicer
from services.queue.stores.base import QueueStore
from services.queue.stores.memory import MemoryStore
from services.queue.stores.sqlite import SqliteStore
from services.queue.worker_servicer import WorkerServicer
from services.rpc.server import serve
from tests.queue.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[QueueStore]:
    store = MemoryStore() if request.param == "memory" else await SqliteStore.open(tmp_path / "queue.sqlite3")
    yield store
    await store.close()


@pytest.fixture(params=["memory", "sqlite", "remote"])
async def queue(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Queue]:
    async with AsyncExitStack() as stack:
        store = MemoryStore() if request.param == "memory" else await SqliteStore.open(tmp_path / "queue.sqlite3")
        stack.push_async_callback(store.close)
        queue = Queue(store, lease_seconds=30.0, clock=clock, catalogue_timeout=0.2)
        await queue.start()
        stack.push_async_callback(queue.close)
        if request.param != "remote":
            yield queue
            return
        servicers = [QueueServicer(queue).entry, WorkerServicer(queue).entry]
        server = await stack.enter_async_context(serve("127.0.0.1:0", servicers))
        client = await stack.enter_async_context(QueueClient(server.address))
        yield cast(Queue, client)
