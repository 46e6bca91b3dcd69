"""Carrying out transactions that are generators in SQLite."""

from __future__ import annotations

import sqlite3
from typing import TypeVar

from services.database.steps import Steps

T = TypeVar("T")


def carry_out(connection: sqlite3.Connection, steps: Steps[T]) -> T:
    """What a transaction answers; its beginning and its end are the caller's business."""
    try:
        step = next(steps)
        while True:
            values = {str(number): value for number, value in enumerate(step.values, start=1)}
            step = steps.send(connection.execute(step.sql, values).fetchall())
    except StopIteration as end:
        answer: T = end.value
        return answer
