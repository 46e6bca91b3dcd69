"""Keys in the PostgreSQL store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.database.postgres import Pool
from services.database.queries import read_queries
from services.queue.api_keys.records import ApiKey
from services.queue.api_keys.rows import columns_of, key_of
from services.queue.api_keys.store import ApiKeyStore

_SQL = read_queries(Path(__file__).with_name("api_keys.sql"))


class PostgresApiKeys(ApiKeyStore):
    """The table `api_keys`, which all replicas share."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, key: ApiKey, digest: bytes) -> None:
        await self._fetch("add", *columns_of(key, digest))

    async def get(self, key_id: str) -> tuple[ApiKey, bytes] | None:
        rows = await self._fetch("get", key_id)
        return key_of(rows[0]) if rows else None

    async def all(self) -> list[ApiKey]:
        return [key_of(row)[0] for row in await self._fetch("all")]

    async def revoke(self, key_id: str, now: float) -> bool:
        return bool(await self._fetch("revoke", now, key_id))

    async def used(self, key_id: str, now: float) -> None:
        await self._fetch("used", now, key_id)

    async def _fetch(self, statement: str, *parameters: Any) -> Sequence[Any]:
        return await self._pool.run(lambda connection: connection.fetch(_SQL[statement], *parameters))
