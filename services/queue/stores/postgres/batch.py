"""One transaction that carries out everything that waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from services.database.postgres import Connection
from services.queue.stores import rows
from services.queue.stores.postgres.adding import add
from services.queue.stores.postgres.changes import Changes
from services.queue.stores.postgres.claiming import claim
from services.queue.stores.postgres.operations import Add, Apply, Claim, Operation, Outcome
from services.queue.stores.postgres.outbox import keep_deliveries
from services.queue.stores.postgres.sql import CHANNEL, SQL

#: A replica that hangs in the middle, or a row that another one keeps locked, holds nobody up for longer.
_BEGIN = """BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL idle_in_transaction_session_timeout = '20s'; SET LOCAL lock_timeout = '30s'"""


class Done(NamedTuple):
    """What a transaction came to that is not committed yet."""

    #: in the order of the operations
    outcomes: list[Outcome]
    #: the order in which they were carried out
    order: list[int]
    #: its id, None when it changes nothing
    transaction: str | None
    #: what commits it
    commit: str


async def carry_out(connection: Connection, operations: Sequence[Operation], shard: int, replica: str) -> Done:
    """Everything but the commit: first what is new, then what changes, then claims, which find both.

    An operation whose transition raises changes nothing. An error of the database is raised: nothing will be changed.
    """
    await connection.execute(_BEGIN)
    changes = Changes(await connection.fetchval(SQL["open_prompts"]))
    outcomes: dict[int, Outcome] = {}
    for kind, carry_out_all in _KINDS:
        chosen = {index: one for index, one in enumerate(operations) if isinstance(one, kind)}
        if chosen:
            answers = await carry_out_all(connection, changes, list(chosen.values()))
            outcomes.update(zip(chosen, answers, strict=True))
    transaction = await changes.write(connection, shard)
    told = await keep_deliveries(connection, changes.ended)
    notify = f"NOTIFY {CHANNEL}, '{replica}'; " if changes.has_events else ""
    in_order = [_with_deliveries(outcomes[index], told) for index in range(len(operations))]
    return Done(in_order, list(outcomes), transaction, f"{notify}COMMIT")


def _with_deliveries(outcome: Outcome, told: frozenset[int]) -> Outcome:
    """With a step that says so, when somebody is to be told of the end of its prompt."""
    if outcome.step is None or outcome.row not in told or not outcome.step.is_end:
        return outcome
    step = msgspec.structs.replace(outcome.step, has_deliveries=True)
    return replace(outcome, step=step, value=step if outcome.value is outcome.step else outcome.value)


async def _apply(connection: Connection, changes: Changes, applies: Sequence[Apply]) -> list[Outcome]:
    wanted = list({one.prompt_id for one in applies})
    found = [rows.life_of(tuple(row)) for row in await connection.fetch(SQL["lives"], wanted)]
    numbers = {life.prompt_id: row for row, life in found}
    changes.lives.update(found)
    return [_applied(changes, numbers.get(one.prompt_id), one) for one in applies]


def _applied(changes: Changes, row: int | None, operation: Apply) -> Outcome:
    if row is None:
        return Outcome()
    try:
        step = operation.transition(changes.lives[row])
    except Exception as error:
        return Outcome(error=error)
    if step is None:
        return Outcome()
    kept = changes.keep(row, step)
    return Outcome(kept, kept, row)


#: What is carried out first, and how.
_KINDS: Sequence[tuple[type[Any], Callable[[Connection, Changes, Sequence[Any]], Awaitable[list[Outcome]]]]] = (
    (Add, add),
    (Apply, _apply),
    (Claim, claim),
)
