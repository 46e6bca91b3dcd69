"""Carrying out transactions on names in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Self, TypeVar

import asyncpg
from blake3 import blake3

from services.database import steps as database
from services.database.postgres import Address, Pool, migrate
from services.database.postgres.steps import carry_out
from services.errors import Aborted
from services.files.records import FileName
from services.files.stores.names.steps import STATEMENTS, Locks, Statement, Transaction, spelled
from services.files.stores.names.store import Names

T = TypeVar("T")

_WORDS = {
    "first_part": "split_part(substr(folder, length(CAST($2 AS text)) + 1), chr(1), 1)",
    "text_2": "CAST($2 AS text)",
    "behind": "chr(2)",
    "json_values": "SELECT json_array_elements_text(CAST($1 AS json))",
}
_STATEMENTS = {name: text.format(**_WORDS) for name, text in STATEMENTS.items()}

#: Connections of a service.
CONNECTIONS = 8

#: Times that a transaction is carried out before two that wait for each other give up.
_ATTEMPTS = 5


class PostgresNames(Names):
    """Names in a database that any number of services may use at once."""

    def __init__(self, url: str, quota: int = 0) -> None:
        """Names at a URL of PostgreSQL; raises `InvalidArgument` when it is none."""
        super().__init__(quota)
        self._address = Address.parse(url)

    async def __aenter__(self) -> Self:
        await migrate(self._address, "files", Path(__file__).parent / "migrations")
        self._pool = await Pool.open(self._address, "names of files", CONNECTIONS)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def read(self, transaction: Transaction[T]) -> T:
        return await self._pool.run(lambda connection: carry_out(connection, spelled(transaction(), _spelled)))

    async def change(self, transaction: Transaction[T]) -> T:
        for attempt in range(_ATTEMPTS):
            try:
                return await self._pool.change(
                    lambda connection: carry_out(connection, spelled(transaction(), _spelled))
                )
            except asyncpg.TransactionRollbackError:
                await asyncio.sleep(0.01 * attempt)
        raise Aborted("others change the same files; try again")


def _spelled(step: Statement | Locks) -> database.Statement:
    if isinstance(step, Statement):
        return database.Statement(_STATEMENTS[step.name], step.values)
    locks = _locks(step.names)
    kinds = ["" if alone else "_shared" for _, alone in locks]
    wanted = ", ".join(f"pg_advisory_xact_lock{kind}(${number})" for number, kind in enumerate(kinds, start=1))
    return database.Statement(f"SELECT {wanted}", [key for key, _ in locks])


def _locks(names: Sequence[FileName]) -> list[tuple[int, bool]]:
    """The keys of names and of the folders that these are in, in everybody's order; and whether each is held alone."""
    held: dict[tuple[str, ...], bool] = {}
    for name in names:
        path = (name.kind.value, *name.path.split("/"))
        for depth in range(2, len(path)):
            held.setdefault(path[:depth], False)
        held[path] = True
    return [(_key(path), held[path]) for path in sorted(held)]


def _key(path: Sequence[str]) -> int:
    digest = blake3("/".join(("file_names", *path)).encode()).digest(8)
    return int.from_bytes(digest, signed=True)
