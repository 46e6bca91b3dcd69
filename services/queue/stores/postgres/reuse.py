"""Answering prompts from earlier ones in the PostgreSQL store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from services.database.postgres import Connection
from services.queue import life as lives
from services.queue.life import Step
from services.queue.stores import rows
from services.queue.stores.base import NewPrompt, Reuse
from services.queue.stores.postgres.changes import columns
from services.queue.stores.postgres.sql import SQL


class Begun(NamedTuple):
    """The first step of a prompt."""

    new: NewPrompt
    step: Step
    #: the prompt that was run in its place; empty when it is to run itself
    reused_from: str


async def begin(connection: Connection, news: Sequence[NewPrompt]) -> list[Begun]:
    """The first steps of new prompts, which for some are the last."""
    wanted = [(new, reuse) for new in news if (reuse := new.reuse) is not None and reuse.source != ""]
    if not wanted:
        return [Begun(new, lives.submit(new.life), "") for new in news]
    table = [(reuse.digest, new.user_id, reuse.source) for new, reuse in wanted]
    reused: dict[int, Begun] = {}
    for place, *source in await connection.fetch(SQL["reusable"], *columns(table, 3)):
        new, reuse = wanted[place - 1]
        reused[id(new)] = _reused(new, reuse, source)
    return [reused.get(id(new)) or Begun(new, lives.submit(new.life), "") for new in news]


def _reused(new: NewPrompt, reuse: Reuse, source: Sequence[Any]) -> Begun:
    prompt_id, origin, *events = source
    earlier = [rows.event_of(prompt_id, "", row) for row in zip(*events, strict=True)]
    return Begun(new, lives.submit_reused(new.life, earlier, reuse.node_ids), origin or prompt_id)
