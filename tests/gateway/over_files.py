"""Gateways over a file service on disk, without a queue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from services.files.assets.stored import StoredAssets
from services.files.assets.stores.sqlite import SqliteAssets
from services.files.retention.limited_store import LimitedStore
from services.files.servicer import file_servicer
from services.files.stores.disk import DiskStore
from services.gateway.service import Settings, serving
from services.rpc.server import serve
from tests.gateway.conformance import check_answer


@asynccontextmanager
async def gateways(
    folder: Path, count: int = 1, *, quota: int = 0, **settings: Any
) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client of each of several gateways to one file service, whose data and models lie in `folder`.

    Users may have `quota` bytes each, or as much as they like when it is 0.
    """
    async with AsyncExitStack() as stack:
        disk = DiskStore(folder / "data", (folder / "models",))
        store = await stack.enter_async_context(LimitedStore(disk, quota))
        database = SqliteAssets(folder / "data" / "assets.sqlite3")
        assets = await stack.enter_async_context(StoredAssets(store, database))
        server = await stack.enter_async_context(serve("127.0.0.1:0", [file_servicer(store, None, assets)]))
        clients = []
        for _ in range(count):
            wanted = Settings(port=0, queue="127.0.0.1:1", files=server.address, **settings)
            port = await stack.enter_async_context(serving(wanted))
            client = httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}",
                trust_env=False,
                timeout=20,
                event_hooks={"response": [check_answer]},
            )
            clients.append(await stack.enter_async_context(client))
        yield clients
