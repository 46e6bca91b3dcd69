"""Answering prompts from earlier ones in the PostgreSQL store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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
    wanted = [(reuse, new) for new in news if (reuse := new.reuse) is not None and reuse.source != ""]
    if not wanted:
        return [Begun(new, lives.submit(new.life), "") for new in news]
    table = [(reuse.digest, new.user_id, reuse.source) for reuse, new in wanted]
    reused = {
        id(wanted[place - 1][1]): _reused(*wanted[place - 1], source)
        for place, *source in await connection.fetch(SQL["reusable"], *columns(table, 3))
    }
    return [reused.get(id(new)) or Begun(new, lives.submit(new.life), "") for new in news]


def _reused(reuse: Reuse, new: NewPrompt, source: Sequence[object]) -> Begun:
    prompt_id, origin, *events = source
    earlier = [rows.event_of(str(prompt_id), "", row) for row in zip(*events, strict=True)]  # type: ignore[call-overload]
    return Begun(new, lives.submit_reused(new.life, earlier, reuse.node_ids), str(origin or prompt_id))
