"""Keys in the SQLite store."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from services.database.queries import read_queries
from services.database.sqlite import Reader, Writer
from services.queue.api_keys.records import ApiKey
from services.queue.api_keys.rows import columns_of, key_of
from services.queue.api_keys.store import ApiKeyStore

_SQL = read_queries(Path(__file__).with_name("api_keys.sql"))


class SqliteApiKeys(ApiKeyStore):
    """The table `api_keys`, by the threads of the store."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def add(self, key: ApiKey, digest: bytes) -> None:
        await self._change("add", columns_of(key, digest))

    async def get(self, key_id: str) -> tuple[ApiKey, bytes] | None:
        row = await self._reader.run(lambda connection: connection.execute(_SQL["get"], (key_id,)).fetchone())
        return key_of(row) if row else None

    async def all(self) -> list[ApiKey]:
        found = await self._reader.run(lambda connection: connection.execute(_SQL["all"]).fetchall())
        return [key_of(row)[0] for row in found]

    async def revoke(self, key_id: str, now: float) -> bool:
        return await self._change("revoke", (now, key_id)) > 0

    async def used(self, key_id: str, now: float) -> None:
        await self._change("used", (now, key_id))

    async def _change(self, statement: str, parameters: tuple[Any, ...]) -> int:
        """Change rows; how many."""

        def change(connection: sqlite3.Connection) -> int:
            return connection.execute(_SQL[statement], parameters).rowcount

        return await self._writer.run(change)
