"""The assets of every database: SQLite, PostgreSQL, and from the other end of a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.files import names
from services.files.assets.library import AssetLibrary
from services.files.assets.records import Asset, NewAsset
from services.files.assets.stored import StoredAssets
from services.files.assets.stores.base import AssetDatabase
from services.files.assets.stores.postgres import PostgresAssets
from services.files.assets.stores.sqlite import SqliteAssets
from services.files.client import FileClient
from services.files.records import FileKind, FileName, OnConflict
from services.files.servicer import file_servicer
from services.files.stores.base import FileStore
from services.files.stores.memory import MemoryStore
from services.rpc.server import serve
from tests.contract.files.operations import put
from tests.postgres import PostgresServer
from tests.queue.clock import ManualClock

MODEL = names.parse_path(FileKind.MODELS, "loras/a.safetensors")


@dataclass
class Library:
    """Assets, and what stands behind them."""

    assets: AssetLibrary
    stored: StoredAssets
    files: FileStore
    clock: ManualClock

    async def file(self, path: str, content: bytes | None = None) -> FileName:
        """A file, of which assets can be made."""
        name = names.file_name(path)
        await put(self.files, name, path.encode() if content is None else content, OnConflict.OVERWRITE)
        return name

    async def asset(self, path: str, owner: str = "me", **more: object) -> Asset:
        """An asset of a file."""
        new = NewAsset(owner=owner, source=await self.file(path), **more)  # type: ignore[arg-type]
        return (await self.assets.create(new)).asset


@pytest.fixture(params=["sqlite", "postgres", "remote"])
async def library(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Library]:
    async with AsyncExitStack() as stack:
        database: AssetDatabase = SqliteAssets(tmp_path / "assets.sqlite3")
        if request.param == "postgres":
            server: PostgresServer = request.getfixturevalue("postgres")
            database = PostgresAssets(await stack.enter_async_context(server.database()))
        files = await stack.enter_async_context(MemoryStore({MODEL: b"weights"}))
        clock = ManualClock()
        stored = await stack.enter_async_context(StoredAssets(files, database, clock.now))
        assets: AssetLibrary = stored
        if request.param == "remote":
            running = await stack.enter_async_context(serve("127.0.0.1:0", [file_servicer(files, None, stored)]))
            assets = (await stack.enter_async_context(FileClient(running.address))).assets
        yield Library(assets, stored, files, clock)
