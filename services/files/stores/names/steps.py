"""Transactions as generators: what is done is written once, how it reaches a database is its driver's business.

A transaction yields its statements and locks one by one and is sent the rows of each; an error that it raises undoes
all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from services.database.queries import read_queries
from services.files.records import FileName

T = TypeVar("T")

#: The statements by name; parameters are $1, $2 and so on, what differs between databases is in braces.
STATEMENTS = read_queries(Path(__file__).parent / "statements.sql")

Row = Sequence[Any]


class Statement(NamedTuple):
    """A statement by its name in `STATEMENTS`, and its parameters."""

    name: str
    values: tuple[str | int | None, ...] = ()


class Locks(NamedTuple):
    """Keep others away from names until the end, and from making files of the folders that these are in.

    Without an effect in a database that has one writer.
    """

    names: tuple[FileName, ...]


Steps = Generator[Statement | Locks, Sequence[Row], T]
Transaction = Callable[[], Steps[T]]


def statement(name: str, *values: str | int | None) -> Generator[Statement | Locks, Sequence[Row], Sequence[Row]]:
    """The rows of one statement."""
    return (yield Statement(name, values))


def first(rows: Sequence[Row]) -> Row | None:
    """The first row, if any."""
    return rows[0] if rows else None
