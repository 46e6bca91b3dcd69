"""Transactions as generators: what is done is written once, how it reaches a database is its driver's business.

A transaction yields its statements one by one and is sent the rows of each; an error that it raises undoes all of it.
Parameters are $1, $2 and so on in every database.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

Value = str | int | None
Row = Sequence[Any]


class Statement(NamedTuple):
    """A statement and its parameters."""

    sql: str
    values: Sequence[Value] = ()


Steps = Generator[Statement, Sequence[Row], T]
Transaction = Callable[[], Steps[T]]


def rows(sql: str, *values: Value) -> Steps[Sequence[Row]]:
    """The rows of one statement."""
    return (yield Statement(sql, values))


def row(sql: str, *values: Value) -> Steps[Row | None]:
    """The first row of one statement, if any."""
    found = yield Statement(sql, values)
    return found[0] if found else None
