"""Finding prompts by state and workflow: one walk along an index for each state, merged on the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from services.queue.records import PromptOrder, Search
from services.queue.stores.rows import Row
from services.queue.stores.sqlite.sql import SQL

_INDEXES = {PromptOrder.SUBMITTED: "prompts_by_state", PromptOrder.DURATION: "prompts_by_duration"}
_OF_STATE = "SELECT id, took FROM prompts INDEXED BY {index} WHERE state = ?"
_OF_WORKFLOW = "SELECT id, took FROM prompts WHERE workflow_id <> '' AND workflow_id = ? AND state = ?"
_OF_STATE_OF_USER = "SELECT id, took FROM prompts INDEXED BY prompts_by_state_of_user WHERE state = ?"
_BY_USER = " AND user_id = ?"

#: By order, and whether it is reversed.
_ORDERS = {
    (PromptOrder.SUBMITTED, False): "id DESC",
    (PromptOrder.SUBMITTED, True): "id",
    (PromptOrder.DURATION, False): "took DESC, id",
    (PromptOrder.DURATION, True): "took, id DESC",
}


def found(connection: sqlite3.Connection, search: Search) -> tuple[list[int], int]:
    """The row ids of the prompts that a search answers, and how many there are in all."""
    statement, parameters = page(search)
    return [row_id for row_id, _ in connection.execute(statement, parameters)], _total(connection, search)


def page(search: Search) -> tuple[str, Row]:
    """The statement that reads the row ids of a search, and its parameters."""
    arms: list[str] = []
    parameters: list[str | int] = []
    for state in sorted(search.states, key=lambda state: state.value):
        if search.workflow_id:
            arms.append(_OF_WORKFLOW)
            parameters.append(search.workflow_id)
        elif search.user_id is not None:
            arms.append(_OF_STATE_OF_USER)
        else:
            arms.append(_OF_STATE.format(index=_INDEXES[search.order]))
        parameters.append(state.value)
        if search.user_id is not None:
            arms[-1] += _BY_USER
            parameters.append(search.user_id)
    order = _ORDERS[search.order, search.reversed]
    statement = f"{' UNION ALL '.join(arms)} ORDER BY {order} LIMIT ? OFFSET ?"
    return statement, (*parameters, search.limit or -1, search.offset)


def _total(connection: sqlite3.Connection, search: Search) -> int:
    names = [state.value for state in search.states]
    if search.workflow_id:
        whose = () if search.user_id is None else (search.user_id,)
        query = "count_of_workflow_of_user" if whose else "count_of_workflow"
        parameters = (search.workflow_id, msgspec.json.encode(names).decode(), *whose)
        total: int = connection.execute(SQL[query], parameters).fetchone()[0]
        return total
    return sum(count for state, count in tallies(connection, search.user_id) if state in names)


def tallies(connection: sqlite3.Connection, user: str | None) -> Iterable[tuple[str, int]]:
    """How many prompts are in which state, of a user or of all."""
    if user is None:
        return connection.execute(SQL["tallies"])
    return connection.execute(SQL["tallies_of_user"], (user,))
