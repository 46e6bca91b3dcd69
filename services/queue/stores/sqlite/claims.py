"""Choosing the prompt to claim: the first in order, or one soon after it that suits better."""

from __future__ import annotations

import sqlite3

import msgspec

from services.queue.stores.base import Choice
from services.queue.stores.picking import Candidate, pick
from services.queue.stores.rows import Row
from services.queue.stores.sqlite.sql import SQL

#: Priority, placement and times passed over, in a row of `first_pending`.
_PLACE = slice(-4, -1)

_OF_PLACEMENTS = " AND placement IN (SELECT value FROM json_each(?))"


def choose(connection: sqlite3.Connection, choice: Choice) -> Row | None:
    """The row of the life to claim, which will be: virtual time advances, and who was passed over is noted."""
    candidates = connection.execute(*_first(choice)).fetchall()
    if not candidates:
        return None
    picked = pick([Candidate(*row[_PLACE]) for row in candidates], choice)
    if picked:
        connection.executemany(SQL["pass_over"], [(row[0],) for row in candidates[:picked]])
    *life, _, tag = candidates[picked]
    priority = candidates[picked][_PLACE][0]
    connection.execute(SQL["advance_virtual_time"], (priority, tag))
    return tuple(life)


def _first(choice: Choice) -> tuple[str, Row]:
    """The statement that reads those that come first, and its parameters."""
    condition, placements, limit = "", [], choice.window + 1
    if choice.placements is not None:
        condition = _OF_PLACEMENTS
        placements = [msgspec.json.encode(list(choice.placements)).decode()]
    if choice.users is None:
        return SQL["first_pending"].format(conditions=condition), (*placements, limit)
    users = msgspec.json.encode(list(choice.users)).decode()
    return SQL["first_pending_of_users"].format(conditions=condition), (users, *placements, limit, limit)
