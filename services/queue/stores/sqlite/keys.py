"""Idempotency keys in the SQLite store."""

from __future__ import annotations

import sqlite3

from services.queue.records import Accepted
from services.queue.stores.base import SWEPT_KEYS, Keyed, Receipt
from services.queue.stores.sqlite.sql import SQL


def receipt_of_key(connection: sqlite3.Connection, user_id: str, key: str, now: float) -> Receipt | None:
    """See `QueueStore.receipt_of_key`."""
    row = connection.execute(SQL["key_receipt"], (user_id, key, now)).fetchone()
    if row is None:
        return None
    prompt_id, number, node_errors_json, digest = row
    return Receipt(Accepted(prompt_id, number, node_errors_json), digest, key)


def keep_key(connection: sqlite3.Connection, keyed: Keyed, accepted: Accepted, now: float) -> None:
    """Remember what was answered to a submission with a key, and forget some keys that have expired."""
    connection.execute(SQL["sweep_keys"], (now, SWEPT_KEYS))
    answer = (accepted.prompt_id, accepted.number, accepted.node_errors_json)
    connection.execute(SQL["keep_key"], (keyed.user_id, keyed.key, keyed.digest, keyed.expires_at, *answer))
