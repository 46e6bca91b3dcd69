"""The SQLite store: what is written, one operation at a time; reading is in `reader`."""

from __future__ import annotations

import asyncio
import itertools
import math
import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

import msgspec

from services.database.sqlite import Writer, lock, open_database
from services.queue.life import Step, Transition
from services.queue.records import Accepted, Depths, Keys, Page, Prompt, PromptIds, PromptState, Search, UserLimits
from services.queue.stores import rows
from services.queue.stores.base import (
    ANY,
    AllLimits,
    Backlog,
    Choice,
    Claim,
    Lives,
    NewPrompt,
    QueueStore,
    Receipt,
    Requirements,
    StoredEvents,
)
from services.queue.stores.fairness import share
from services.queue.stores.sqlite.api_keys import SqliteApiKeys
from services.queue.stores.sqlite.claims import choose
from services.queue.stores.sqlite.keys import keep_key, receipt_of_key
from services.queue.stores.sqlite.outbox import SqliteOutbox, keep_deliveries
from services.queue.stores.sqlite.reader import PromptReader
from services.queue.stores.sqlite.reuse import begin, reusable
from services.queue.stores.sqlite.sql import MIGRATIONS, NAME, SQL

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What an operation came to: its answer, and the step it made, if any."""

    value: T
    step: Step | None = None


Operation = Callable[[sqlite3.Connection], Outcome[T]]


class SqliteStore(QueueStore):
    """Keeps prompts in one database file that no other process serves."""

    def __init__(self, connection: sqlite3.Connection, path: Path, held: IO[str]) -> None:
        first: int = connection.execute(SQL["next_number"]).fetchone()[0]
        self._numbers = itertools.count(first)
        self._held = held
        self._writer = Writer(connection, NAME)
        self._reader = PromptReader(path)
        self._outbox = SqliteOutbox(self._writer, self._reader)
        self._api_keys = SqliteApiKeys(self._writer, self._reader)

    @classmethod
    async def open(cls, path: Path) -> SqliteStore:
        """Open the file, which is made when it is missing.

        Raises:
            InvalidArgument: it cannot be read or written, or is not ours.
            FailedPrecondition: another process serves it.
        """
        held = lock(path)
        try:
            connection = await asyncio.to_thread(open_database, path, MIGRATIONS)
            return cls(connection, path, held)
        except BaseException:
            held.close()
            raise

    @property
    def outbox(self) -> SqliteOutbox:
        return self._outbox

    @property
    def api_keys(self) -> SqliteApiKeys:
        return self._api_keys

    async def add(self, new: NewPrompt) -> Receipt:
        return await self._write(lambda connection: _add(connection, new))

    async def receipt(self, prompt_id: str) -> Receipt | None:
        return await self._reader.run(lambda connection: _receipt(connection, prompt_id))

    async def receipt_of_key(self, user_id: str, key: str, now: float) -> Receipt | None:
        return await self._reader.run(lambda connection: receipt_of_key(connection, user_id, key, now))

    async def reusable(self, user_id: str, digest: bytes) -> str | None:
        return await self._reader.run(lambda connection: reusable(connection, user_id, digest))

    async def user_limits(self) -> AllLimits:
        return await self._reader.user_limits()

    async def set_user_limits(self, limits: UserLimits) -> None:
        def keep(connection: sqlite3.Connection) -> Outcome[None]:
            connection.execute(SQL["set_user_limits"], rows.limits_columns(limits))
            return Outcome(None)

        await self._write(keep)

    async def delete_user_limits(self, user_id: str) -> bool:
        def delete(connection: sqlite3.Connection) -> Outcome[bool]:
            return Outcome(connection.execute(SQL["delete_user_limits"], (user_id,)).fetchone() is not None)

        return await self._write(delete)

    async def next_number(self) -> int:
        return next(self._numbers)

    async def claim(self, assign: Transition, choice: Choice = ANY) -> Claim | None:
        return await self._write(lambda connection: _claim(connection, assign, choice))

    async def waiting(self) -> Backlog:
        return await self._reader.waiting()

    async def depths(self) -> Depths:
        return await self._reader.depths()

    async def requirements(self, placements: Collection[int]) -> Requirements:
        return await self._reader.requirements(placements)

    async def apply(self, prompt_id: str, transition: Transition) -> Step | None:
        return await self._write(lambda connection: _apply(connection, prompt_id, transition))

    async def forget(self, prompt_ids: Collection[str] | None) -> PromptIds:
        return await self._write(lambda connection: _forget(connection, prompt_ids))

    async def forget_oldest(self, *, limit: int, beyond: int = 0, before: float | None = None) -> PromptIds:
        return await self._write(lambda connection: _forget_oldest(connection, limit, beyond, before))

    async def get(self, prompt_id: str) -> Prompt | None:
        return await self._reader.get(prompt_id)

    async def list(
        self, states: Collection[PromptState], *, limit: int, offset: int, from_end: bool, user: str | None = None
    ) -> Page:
        return await self._reader.list(states, limit=limit, offset=offset, from_end=from_end, user=user)

    async def keys(
        self, states: Collection[PromptState], *, limit: int, offset: int, from_end: bool, user: str | None = None
    ) -> Keys:
        return await self._reader.keys(states, limit=limit, offset=offset, from_end=from_end, user=user)

    async def find(self, search: Search) -> Page:
        return await self._reader.find(search)

    async def lives(self, state: PromptState) -> Lives:
        return await self._reader.lives(state)

    async def limited(self) -> Lives:
        return await self._reader.limited()

    async def events(self, prompt_id: str, after_sequence: int) -> StoredEvents | None:
        return await self._reader.events(prompt_id, after_sequence)

    async def counts(self, user: str | None = None) -> dict[PromptState, int]:
        return await self._reader.counts(user)

    async def owned(self, prompt_ids: Collection[str], user: str) -> PromptIds:
        return await self._reader.owned(prompt_ids, user)

    async def catalogue(self) -> tuple[str, bytes] | None:
        return await self._reader.catalogue()

    async def save_catalogue(self, digest: str, definitions_json: bytes) -> None:
        def save(connection: sqlite3.Connection) -> Outcome[None]:
            connection.execute(SQL["save_catalogue"], (digest, definitions_json))
            return Outcome(None)

        await self._write(save)

    async def _write(self, operation: Operation[T]) -> T:
        outcome = await self._writer.run(operation, self._committed)
        return outcome.value

    def _committed(self, outcome: Outcome[Any]) -> None:
        if outcome.step is not None:
            self._tell(outcome.step)

    async def close(self) -> None:
        await self._writer.close()
        await self._reader.close()
        self._held.close()


def _add(connection: sqlite3.Connection, new: NewPrompt) -> Outcome[Receipt]:
    keyed = new.keyed
    known = receipt_of_key(connection, keyed.user_id, keyed.key, new.submitted_at) if keyed else None
    known = known or _receipt(connection, new.prompt_id)
    if known is not None:
        return Outcome(known)
    step, reused_from = begin(connection, new)
    columns = (new.prompt_id, new.client_id, new.workflow_id, new.number, *rows.changing_columns(step.life))
    tag = 0.0 if reused_from else _tag(connection, new)
    place = (new.user_id, new.priority, new.requirement.placement, tag)
    more = (new.run_timeout, new.total_timeout, new.reuse.digest if new.reuse else None, reused_from)
    row = connection.execute(SQL["add_prompt"], columns + place + more).lastrowid
    assert row is not None
    outputs = rows.names_column(new.output_node_ids)
    urls = rows.names_column(new.webhook_urls)
    payload = (row, new.graph_json, new.extra_data_json, outputs, new.node_errors_json, new.content_digest, urls)
    connection.execute(SQL["add_payload"], (*payload, new.file_space, new.traceparent))
    connection.execute(SQL["add_requirement"], (new.requirement.placement, rows.requirement_column(new.requirement)))
    if new.counted is not None:
        connection.execute(SQL["advance_number"], (new.counted + 1,))
    receipt = Receipt(Accepted(new.prompt_id, new.number, new.node_errors_json), new.content_digest)
    if keyed:
        keep_key(connection, keyed, receipt.accepted, new.submitted_at)
    return Outcome(receipt, _keep_events(connection, row, step))


def _tag(connection: sqlite3.Connection, new: NewPrompt) -> float:
    """The place of a new prompt between those of other users, which advances its own user."""
    user = (new.priority, new.user_id)
    (finish,) = connection.execute(SQL["share"], user).fetchone() or (None,)
    (virtual_time,) = connection.execute(SQL["virtual_time"], (new.priority,)).fetchone() or (0.0,)
    overtaken = connection.execute(SQL["overtaken"], (new.user_id, new.priority, new.number)).fetchone()
    tag, finish = share(finish, virtual_time, overtaken[0] if overtaken else None, new.weight)
    connection.execute(SQL["set_share"], (*user, finish))
    return tag


def _receipt(connection: sqlite3.Connection, prompt_id: str) -> Receipt | None:
    row = connection.execute(SQL["receipt"], (prompt_id,)).fetchone()
    if row is None:
        return None
    number, node_errors_json, content_digest = row
    return Receipt(Accepted(prompt_id, number, node_errors_json), content_digest)


def _claim(connection: sqlite3.Connection, assign: Transition, choice: Choice) -> Outcome[Claim | None]:
    row = choose(connection, choice)
    step = _change(connection, row, assign) if row else None
    if row is None or step is None:
        return Outcome(None)
    graph, extra_data, outputs, *origin = connection.execute(SQL["payload"], (row[0],)).fetchone()
    return Outcome(Claim(step.life, graph, extra_data, rows.names_of(outputs), *origin), step)


def _apply(connection: sqlite3.Connection, prompt_id: str, transition: Transition) -> Outcome[Step | None]:
    row = connection.execute(SQL["life"], (prompt_id,)).fetchone()
    step = _change(connection, row, transition) if row else None
    return Outcome(step, step)


def _change(connection: sqlite3.Connection, row: rows.Row, transition: Transition) -> Step | None:
    row_id, life = rows.life_of(row)
    step = transition(life)
    if step is None:
        return None
    connection.execute(SQL["change"], (*rows.changing_columns(step.life), row_id))
    return _keep_events(connection, row_id, step)


def _keep_events(connection: sqlite3.Connection, row_id: int, step: Step) -> Step:
    if not step.events:
        return step
    (open_prompts,) = connection.execute(SQL["open_prompts"]).fetchone()
    stamped = step.stamped(open_prompts)
    durable = [(row_id, *rows.event_columns(event)) for event in stamped.events if event.is_durable]
    connection.executemany(SQL["add_event"], durable)
    if stamped.is_end and keep_deliveries(connection, row_id):
        return msgspec.structs.replace(stamped, has_deliveries=True)
    return stamped


def _forget_oldest(connection: sqlite3.Connection, limit: int, beyond: int, before: float | None) -> Outcome[list[str]]:
    if beyond:
        (finished,) = connection.execute(SQL["finished_prompts"]).fetchone()
        limit = max(0, min(limit, finished - beyond))
    parameters = (math.inf if before is None else before, limit)
    return Outcome([prompt_id for (prompt_id,) in connection.execute(SQL["forget_oldest"], parameters)])


def _forget(connection: sqlite3.Connection, prompt_ids: Collection[str] | None) -> Outcome[list[str]]:
    if prompt_ids is None:
        return Outcome([prompt_id for (prompt_id,) in connection.execute(SQL["forget_all"])])
    forgotten: list[str] = []
    for prompt_id in prompt_ids:
        forgotten += [deleted for (deleted,) in connection.execute(SQL["forget"], (prompt_id,))]
    return Outcome(forgotten)
