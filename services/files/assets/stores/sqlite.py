"""Assets in a file of SQLite, which one service uses at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Self, TypeVar

from services.database.sqlite import Reader, Writer, lock, open_database
from services.database.sqlite.steps import carry_out
from services.database.steps import Transaction
from services.files.assets.stores.base import AssetDatabase

T = TypeVar("T")

MIGRATIONS = Path(__file__).with_name("migrations")
NAME = "database of assets"


class SqliteAssets(AssetDatabase):
    """Whoever waits together is committed together."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __aenter__(self) -> Self:
        self._lock = lock(self._path)
        try:
            connection = await asyncio.to_thread(open_database, self._path, MIGRATIONS)
        except BaseException:
            self._lock.close()
            raise
        self._writer = Writer(connection, NAME)
        self._reader = Reader(self._path, NAME)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._writer.close()
        await self._reader.close()
        self._lock.close()

    async def read(self, transaction: Transaction[T]) -> T:
        return await self._reader.run(lambda connection: carry_out(connection, transaction()))

    async def change(self, transaction: Transaction[T]) -> T:
        return await self._writer.run(lambda connection: carry_out(connection, transaction()))
