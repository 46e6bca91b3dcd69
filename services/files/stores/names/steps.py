"""The transactions on names as generators: see `services.database.steps`, which carries them out.

Statements go by their names, for not all databases spell them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from services.database import steps as database
from services.database.queries import read_queries
from services.database.steps import Row, Value
from services.files.records import FileName

T = TypeVar("T")

#: The statements by name; parameters are $1, $2 and so on, what differs between databases is in braces.
STATEMENTS = read_queries(Path(__file__).parent / "statements.sql")


class Statement(NamedTuple):
    """A statement by its name in `STATEMENTS`, and its parameters."""

    name: str
    values: Sequence[Value] = ()


class Locks(NamedTuple):
    """Keep others away from names until the end, and from making files of the folders that these are in.

    Without an effect in a database that has one writer.
    """

    names: tuple[FileName, ...]


Steps = Generator[Statement | Locks, Sequence[Row], T]
Transaction = Callable[[], Steps[T]]


def statement(name: str, *values: Value) -> Steps[Sequence[Row]]:
    """The rows of one statement."""
    return (yield Statement(name, values))


def first(rows: Sequence[Row]) -> Row | None:
    """The first row, if any."""
    return rows[0] if rows else None


def spelled(steps: Steps[T], spelling: Callable[[Statement | Locks], database.Statement | None]) -> database.Steps[T]:
    """A transaction with its steps as a database spells them; None is a step that it does not need."""
    try:
        step = next(steps)
        while True:
            statement = spelling(step)
            step = steps.send((yield statement) if statement else ())
    except StopIteration as end:
        answer: T = end.value
        return answer
