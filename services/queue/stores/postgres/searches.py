"""Finding prompts by state and workflow: for each state a walk along an index, as far as the page reaches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.database.postgres import Connection
from services.queue.records import PromptOrder, Search
from services.queue.stores.postgres.sql import SQL

_OF_STATE = "(SELECT id, took FROM prompts WHERE state = '{state}'{more} ORDER BY {order} LIMIT $1)"
_OF_WORKFLOW = """(SELECT id, took FROM prompts
WHERE {column} = '{state}' AND workflow_id <> '' AND workflow_id = $3{more}
ORDER BY {order} LIMIT $1)"""

#: How the state is compared within a workflow. Its runs are few and sorted fast; with the column as it is, a plan that
#: was made while the table was small would walk along the durations of all.
_COLUMNS = {PromptOrder.SUBMITTED: "state", PromptOrder.DURATION: "state || ''"}

#: By order, and whether it is reversed.
_ORDERS = {
    (PromptOrder.SUBMITTED, False): "id DESC",
    (PromptOrder.SUBMITTED, True): "id",
    (PromptOrder.DURATION, False): "took DESC, id",
    (PromptOrder.DURATION, True): "took, id DESC",
}


async def found(connection: Connection, search: Search) -> tuple[list[int], int]:
    """The row ids of the prompts that a search answers, and how many there are in all."""
    if not search.states:
        return [], 0
    statement, parameters = page(search)
    return [row[0] for row in await connection.fetch(statement, *parameters)], await _total(connection, search)


def page(search: Search) -> tuple[str, list[object]]:
    """The statement that reads the row ids of a search, and its parameters."""
    order = _ORDERS[search.order, search.reversed]
    arm = _OF_WORKFLOW if search.workflow_id else _OF_STATE
    states = sorted(state.value for state in search.states)
    reach = search.offset + search.limit if search.limit else None
    parameters: list[object] = [reach, search.offset, *([search.workflow_id] if search.workflow_id else [])]
    more = ""
    if search.user_id is not None:
        parameters.append(search.user_id)
        more = f" AND user_id = ${len(parameters)}"
    arms = [arm.format(state=state, order=order, column=_COLUMNS[search.order], more=more) for state in states]
    statement = f"SELECT id FROM ({' UNION ALL '.join(arms)}) AS found ORDER BY {order} LIMIT $1 - $2 OFFSET $2"
    return statement, parameters


async def _total(connection: Connection, search: Search) -> int:
    names = [state.value for state in search.states]
    if search.workflow_id:
        whose = () if search.user_id is None else (search.user_id,)
        query = "count_of_workflow_of_user" if whose else "count_of_workflow"
        total: int = await connection.fetchval(SQL[query], search.workflow_id, names, *whose)
        return total
    return sum(count for state, count in await tallies(connection, search.user_id) if state in names)


async def tallies(connection: Connection, user: str | None) -> Sequence[Any]:
    """How many prompts are in which state, of a user or of all."""
    if user is None:
        return await connection.fetch(SQL["tallies"])
    return await connection.fetch(SQL["tallies_of_user"], user)
