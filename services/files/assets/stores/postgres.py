"""Assets in PostgreSQL, which any number of services may use at once."""

from __future__ import annotations

from typing import Self, TypeVar

from services.database.postgres import Address, Connection, Pool, migrate
from services.database.postgres.steps import carry_out
from services.database.steps import Transaction
from services.files.assets.stores.base import AssetDatabase
from services.files.assets.stores.sqlite import MIGRATIONS, NAME

T = TypeVar("T")

PART = "assets"

#: Whoever changes assets holds this advisory lock.
_LOCK = 0x53696C7661737365


class PostgresAssets(AssetDatabase):
    """Changes are made one after the other, by whichever service: there are few of them."""

    def __init__(self, url: str) -> None:
        """Assets at a URL of PostgreSQL; raises `InvalidArgument` when it is none."""
        self._address = Address.parse(url)

    async def __aenter__(self) -> Self:
        await migrate(self._address, PART, MIGRATIONS)
        self._pool = await Pool.open(self._address, NAME)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def read(self, transaction: Transaction[T]) -> T:
        return await self._pool.snapshot(lambda connection: carry_out(connection, transaction()))

    async def change(self, transaction: Transaction[T]) -> T:
        async def alone(connection: Connection) -> T:
            await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
            return await carry_out(connection, transaction())

        return await self._pool.change(alone)
