"""Idempotency keys: taken before their prompts are added, so that of two replicas one waits for the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from services.database.postgres import Connection
from services.queue.records import Accepted
from services.queue.stores.base import SWEPT_KEYS, Keyed, NewPrompt, Receipt
from services.queue.stores.postgres.changes import columns
from services.queue.stores.postgres.sql import SQL

#: A user and a key.
Name = tuple[str, str]


async def take_keys(connection: Connection, adds: Sequence[NewPrompt]) -> dict[Name, Receipt]:
    """Take the keys of these prompts; the receipts of those that were taken before. Every key is there once."""
    wanted = {(keyed.user_id, keyed.key): _columns(keyed, new) for new in adds if (keyed := new.keyed)}
    if not wanted:
        return {}
    now = max(new.submitted_at for new in adds)
    await connection.execute(SQL["sweep_keys"], now, SWEPT_KEYS * len(wanted))
    taken = await connection.fetch(SQL["take_keys"], *columns(wanted.values(), 7), now)
    known = wanted.keys() - {(user_id, key) for user_id, key in taken}
    return await receipts_of_keys(connection, known, now) if known else {}


async def give_keys_back(connection: Connection, unused: Collection[Keyed]) -> None:
    """Forget keys whose prompts were not added after all."""
    if unused:
        await connection.execute(
            SQL["give_keys_back"], [keyed.user_id for keyed in unused], [keyed.key for keyed in unused]
        )


async def receipts_of_keys(connection: Connection, names: Collection[Name], now: float) -> dict[Name, Receipt]:
    """What was answered to the submissions with these keys, of those that have not expired."""
    found = await connection.fetch(SQL["key_receipts"], *columns(names, 2), now)
    return {
        (user_id, key): Receipt(Accepted(prompt_id, number, node_errors_json), digest, key)
        for user_id, key, prompt_id, number, node_errors_json, digest in found
    }


def _columns(keyed: Keyed, new: NewPrompt) -> tuple[object, ...]:
    answer = (new.prompt_id, new.number, new.node_errors_json)
    return (keyed.user_id, keyed.key, keyed.digest, keyed.expires_at, *answer)
