"""Carrying out transactions on names in a SQLite file."""

from __future__ import annotations

from pathlib import Path
from typing import Self, TypeVar

from services.database import steps as database
from services.database.sqlite import Reader, Writer, lock, open_database
from services.database.sqlite.steps import carry_out
from services.files.stores.names.steps import STATEMENTS, Locks, Statement, Transaction, spelled
from services.files.stores.names.store import Names

T = TypeVar("T")

_WORDS = {
    "first_part": "substr(folder, length($2) + 1, instr(substr(folder, length($2) + 1) || char(1), char(1)) - 1)",
    "text_2": "$2",
    "behind": "char(2)",
    "json_values": "SELECT value FROM json_each($1)",
}
_STATEMENTS = {name: text.format(**_WORDS) for name, text in STATEMENTS.items()}


class SqliteNames(Names):
    """Names in a file that one service uses at a time; whoever waits together is committed together."""

    def __init__(self, path: Path, quota: int = 0) -> None:
        super().__init__(quota)
        self._path = path

    async def __aenter__(self) -> Self:
        self._lock = lock(self._path)
        try:
            connection = open_database(self._path, Path(__file__).parent / "migrations")
        except BaseException:
            self._lock.close()
            raise
        self._writer = Writer(connection, "names of files")
        self._reader = Reader(self._path, "names of files")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._writer.close()
        await self._reader.close()
        self._lock.close()

    async def read(self, transaction: Transaction[T]) -> T:
        return await self._reader.run(lambda connection: carry_out(connection, spelled(transaction(), _spelled)))

    async def change(self, transaction: Transaction[T]) -> T:
        return await self._writer.run(lambda connection: carry_out(connection, spelled(transaction(), _spelled)))


def _spelled(step: Statement | Locks) -> database.Statement | None:
    return None if isinstance(step, Locks) else database.Statement(_STATEMENTS[step.name], step.values)
