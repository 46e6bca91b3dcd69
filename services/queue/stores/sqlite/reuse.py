"""Answering prompts from earlier ones in the SQLite store."""

from __future__ import annotations

import sqlite3

from services.queue import life as lives
from services.queue.life import Step
from services.queue.stores import rows
from services.queue.stores.base import NewPrompt
from services.queue.stores.sqlite.sql import SQL


def begin(connection: sqlite3.Connection, new: NewPrompt) -> tuple[Step, str]:
    """The first step of a prompt, and the prompt that was run in its place; empty when it is to run itself."""
    reuse = new.reuse
    if reuse is None or reuse.source == "":
        return lives.submit(new.life), ""
    source = connection.execute(SQL["reusable"], (reuse.digest, new.user_id, reuse.source)).fetchone()
    if source is None:
        return lives.submit(new.life), ""
    row_id, prompt_id, reused_from = source
    events = [rows.event_of(prompt_id, "", row) for row in connection.execute(SQL["events"], (row_id, 0))]
    return lives.submit_reused(new.life, events, reuse.node_ids), reused_from or prompt_id


def reusable(connection: sqlite3.Connection, user_id: str, digest: bytes) -> str | None:
    """See `QueueStore.reusable`."""
    source = connection.execute(SQL["reusable"], (digest, user_id, None)).fetchone()
    return source[1] if source else None
