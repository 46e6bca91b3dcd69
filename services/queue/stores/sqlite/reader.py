"""Reading from the SQLite store, beside the writer: snapshots of what is committed."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import msgspec

from services.database.sqlite import Reader
from services.queue.records import Depth, Depths, Keys, Page, Prompt, PromptIds, PromptKey, PromptState, Search
from services.queue.stores import rows
from services.queue.stores.base import AllLimits, Backlog, Lives, Requirements, StoredEvents, Waiting
from services.queue.stores.paging import Stretch, stretches
from services.queue.stores.sqlite.searches import found, tallies
from services.queue.stores.sqlite.sql import NAME, SQL


class PromptReader(Reader):
    """Reads what `QueueStore` answers."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, NAME)

    async def get(self, prompt_id: str) -> Prompt | None:
        """See `QueueStore.get`."""

        def read(connection: sqlite3.Connection) -> Prompt | None:
            row = connection.execute(SQL["row_of"], (prompt_id,)).fetchone()
            return read_prompts(connection, row)[0] if row else None

        return await self.run(read)

    async def list(
        self, states: Collection[PromptState], *, limit: int, offset: int, from_end: bool, user: str | None = None
    ) -> Page:
        """See `QueueStore.list`."""

        def read(connection: sqlite3.Connection) -> Page:
            ids, total = _page(connection, states, limit, offset, from_end, user)
            return read_prompts(connection, ids), total

        return await self.run(read)

    async def keys(
        self, states: Collection[PromptState], *, limit: int, offset: int, from_end: bool, user: str | None = None
    ) -> Keys:
        """See `QueueStore.keys`."""

        def read(connection: sqlite3.Connection) -> Keys:
            ids, _ = _page(connection, states, limit, offset, from_end, user)
            return [PromptKey(*row) for row in connection.execute(SQL["keys"], (_list(ids),))]

        return await self.run(read)

    async def find(self, search: Search) -> Page:
        """See `QueueStore.find`."""

        def read(connection: sqlite3.Connection) -> Page:
            ids, total = found(connection, search)
            return read_prompts(connection, ids, "prompts_alone"), total

        return await self.run(read)

    async def lives(self, state: PromptState) -> Lives:
        """See `QueueStore.lives`."""
        query = SQL["lives_finished" if state.is_terminal else f"lives_{state.value}"]
        parameters = (state.value,) if state.is_terminal else ()
        found = await self.run(lambda connection: connection.execute(query, parameters).fetchall())
        return [rows.life_of(row)[1] for row in found]

    async def waiting(self) -> Backlog:
        """See `QueueStore.waiting`."""
        return await self.run(lambda connection: [Waiting(*row) for row in connection.execute(SQL["waiting"])])

    async def depths(self) -> Depths:
        """See `QueueStore.depths`."""
        found = await self.run(lambda connection: connection.execute(SQL["depths"]).fetchall())
        return [Depth(PromptState(state), priority, bool(named), *rest) for state, priority, named, *rest in found]

    async def user_limits(self) -> AllLimits:
        """See `QueueStore.user_limits`."""
        found = await self.run(lambda connection: connection.execute(SQL["user_limits"]).fetchall())
        return [rows.limits_of(row) for row in found]

    async def requirements(self, placements: Collection[int]) -> Requirements:
        """See `QueueStore.requirements`."""
        wanted = (_list(placements),)
        found = await self.run(lambda connection: connection.execute(SQL["requirements"], wanted).fetchall())
        return [rows.requirement_of(body) for (body,) in found]

    async def limited(self) -> Lives:
        """See `QueueStore.limited`."""
        found = await self.run(lambda connection: connection.execute(SQL["lives_limited"]).fetchall())
        return [rows.life_of(row)[1] for row in found]

    async def events(self, prompt_id: str, after_sequence: int) -> StoredEvents | None:
        """See `QueueStore.events`."""

        def read(connection: sqlite3.Connection) -> StoredEvents | None:
            row = connection.execute(SQL["state_of"], (prompt_id,)).fetchone()
            if row is None:
                return None
            row_id, client_id, state = row
            found = connection.execute(SQL["events"], (row_id, after_sequence))
            return PromptState(state), [rows.event_of(prompt_id, client_id, event) for event in found]

        return await self.run(read)

    async def counts(self, user: str | None = None) -> dict[PromptState, int]:
        """See `QueueStore.counts`."""
        return await self.run(lambda connection: _counts(connection, user))

    async def owned(self, prompt_ids: Collection[str], user: str) -> PromptIds:
        """See `QueueStore.owned`."""
        wanted = (_list(prompt_ids), user)
        return await self.run(lambda connection: [row[0] for row in connection.execute(SQL["owned"], wanted)])

    async def catalogue(self) -> tuple[str, bytes] | None:
        """See `QueueStore.catalogue`."""
        return await self.run(lambda connection: connection.execute(SQL["catalogue"]).fetchone())


def _counts(connection: sqlite3.Connection, user: str | None) -> dict[PromptState, int]:
    return {PromptState(state): prompts for state, prompts in tallies(connection, user)}


def read_prompts(connection: sqlite3.Connection, ids: Sequence[int], query: str = "prompts") -> list[Prompt]:
    """The prompts of rows, in their order; with their events when they have finished."""
    table = connection.execute(SQL[query], (_list(ids),)).fetchall()
    finished = rows.finished_of(ids, table)
    events = connection.execute(SQL["events_of"], (_list(finished),)).fetchall() if finished else []
    return rows.prompts_of(ids, table, events)


def _list(values: Iterable[object]) -> str:
    """As `json_each` takes it."""
    return msgspec.json.encode(list(values)).decode()


def _page(
    connection: sqlite3.Connection,
    states: Collection[PromptState],
    limit: int,
    offset: int,
    from_end: bool,
    user: str | None,
) -> tuple[list[int], int]:
    """The row ids of a page, and how many prompts there are in these states."""
    found, total = stretches(_counts(connection, user), states, limit=limit, offset=offset, from_end=from_end)
    return [row_id for stretch in found for row_id in _stretch(connection, stretch, user)], total


def _stretch(connection: sqlite3.Connection, stretch: Stretch, user: str | None) -> list[int]:
    length = stretch.end - stretch.begin
    whose, of_user = ((), "") if user is None else ((user,), "_of_user")
    if stretch.state is not None:
        return _ids(connection, f"page_{stretch.state.value}{of_user}", (*whose, length, stretch.begin))
    names: tuple[str, ...] = (*whose, _list(state.value for state in stretch.states))
    query = f"page_finished{of_user}"
    if stretch.is_of_all_finished and user is None:
        names, query = (), "page_all_finished"
    if stretch.is_nearer_to_the_end:
        return _ids(connection, f"{query}_backwards", (*names, length, stretch.size - stretch.end))[::-1]
    return _ids(connection, query, (*names, length, stretch.begin))


def _ids(connection: sqlite3.Connection, name: str, parameters: rows.Row) -> list[int]:
    return [row_id for (row_id,) in connection.execute(SQL[name], parameters)]
