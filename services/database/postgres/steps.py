"""Carrying out transactions that are generators in PostgreSQL."""

from __future__ import annotations

from typing import TypeVar

from services.database.postgres.connection import Connection
from services.database.steps import Steps

T = TypeVar("T")


async def carry_out(connection: Connection, steps: Steps[T]) -> T:
    """What a transaction answers; its beginning and its end are the caller's business."""
    try:
        step = next(steps)
        while True:
            step = steps.send([tuple(row) for row in await connection.fetch(step.sql, *step.values)])
    except StopIteration as end:
        answer: T = end.value
        return answer
