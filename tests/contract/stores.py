"""Every kind of store there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from services.queue.stores.base import QueueStore
from services.queue.stores.memory import MemoryStore
from services.queue.stores.postgres import PostgresStore
from services.queue.stores.sqlite import SqliteStore
from tests.postgres import PostgresServer

#: Those that a queue has to itself.
ALONE = ["memory", "sqlite"]
KINDS = [*ALONE, "postgres"]


@asynccontextmanager
async def opened(kind: str, folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[QueueStore]:
    """An empty store of one kind."""
    async with AsyncExitStack() as stack:
        store: QueueStore
        if kind == "memory":
            store = MemoryStore()
        elif kind == "sqlite":
            store = await SqliteStore.open(folder / "queue.sqlite3")
        else:
            postgres: PostgresServer = request.getfixturevalue("postgres")
            store = await PostgresStore.open(await stack.enter_async_context(postgres.reused("queue")))
        stack.push_async_callback(store.close)
        yield store
