"""Claims: those that choose from the same prompts are served by one look at what comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.database.postgres import Connection
from services.queue.life import Life, Step
from services.queue.stores import base, rows
from services.queue.stores.base import Choice
from services.queue.stores.picking import Candidate, pick
from services.queue.stores.postgres.changes import Changes, columns
from services.queue.stores.postgres.operations import Claim, Outcome
from services.queue.stores.postgres.sql import SQL


@dataclass
class _Waiting:
    """A locked row that may be claimed."""

    row: int
    life: Life
    tag: float
    passed_over: int


async def claim(connection: Connection, changes: Changes, claims: Sequence[Claim]) -> list[Outcome]:
    """Serve claims in their order."""
    groups: dict[tuple[frozenset[int] | None, frozenset[str] | None], list[int]] = {}
    for index, one in enumerate(claims):
        groups.setdefault((one.choice.placements, one.choice.users), []).append(index)
    outcomes = [Outcome()] * len(claims)
    claimed: dict[int, tuple[int, Step]] = {}
    passed_over: dict[int, int] = {}
    taken = set(changes.changed)
    for group in groups.values():
        waiting = await _first(connection, [claims[index].choice for index in group], taken)
        for index in group:
            chosen = _choose(waiting, claims[index].choice, passed_over)
            if chosen is None:
                continue
            taken.add(chosen.row)
            changes.advance_virtual_time(chosen.life.priority, chosen.tag)
            try:
                step = claims[index].assign(chosen.life)
            except Exception as error:
                outcomes[index] = Outcome(error=error)
                continue
            if step is not None:
                claimed[index] = chosen.row, changes.keep(chosen.row, step)
    if passed_over:
        await connection.execute(SQL["pass_over"], *columns(passed_over.items(), 2))
    await _hand_out(connection, claimed, outcomes)
    return outcomes


async def _first(connection: Connection, choices: Sequence[Choice], taken: set[int]) -> list[_Waiting]:
    """As many as these claims may look at; they choose from the same."""
    limit = len(choices) + max(choice.window for choice in choices)
    placements, users = choices[0].placements, choices[0].users
    parameters = (limit, list(taken), None if placements is None else list(placements))
    if users is None:
        found = await connection.fetch(SQL["first_pending"], *parameters)
    else:
        found = await connection.fetch(SQL["first_pending_of_users"], *parameters, list(users))
    waiting = []
    for *columns_of_life, passed_over, tag in found:
        row, life = rows.life_of(tuple(columns_of_life))
        waiting.append(_Waiting(row, life, tag, passed_over))
    return waiting


def _choose(waiting: list[_Waiting], choice: Choice, passed_over: dict[int, int]) -> _Waiting | None:
    """Take one out of those that wait."""
    candidates = waiting[: choice.window + 1]
    if not candidates:
        return None
    picked = pick([Candidate(one.life.priority, one.life.placement, one.passed_over) for one in candidates], choice)
    for one in candidates[:picked]:
        one.passed_over += 1
        passed_over[one.row] = one.passed_over
    return waiting.pop(picked)


async def _hand_out(connection: Connection, claimed: dict[int, tuple[int, Step]], outcomes: list[Outcome]) -> None:
    """Answer the claims with what was submitted."""
    if not claimed:
        return
    found = await connection.fetch(SQL["payloads"], [row for row, _ in claimed.values()])
    payloads = {row: submitted for row, *submitted in found}
    for index, (row, step) in claimed.items():
        graph, extra_data, outputs, *origin = payloads[row]
        outcomes[index] = Outcome(base.Claim(step.life, graph, extra_data, rows.names_of(outputs), *origin), step)
