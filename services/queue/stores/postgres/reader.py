"""Reading from PostgreSQL, beside the writer: snapshots of what is committed, by this replica and others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from services.database.postgres import Connection, Pool
from services.queue.records import Batch, Depth, Depths, Keys, Page, Prompt, PromptIds, PromptKey, PromptState, Search
from services.queue.stores import rows
from services.queue.stores.base import AllLimits, Backlog, Lives, Receipt, Requirements, StoredEvents, Waiting
from services.queue.stores.paging import Stretch, stretches
from services.queue.stores.postgres.adding import receipt_of
from services.queue.stores.postgres.keys import receipts_of_keys
from services.queue.stores.postgres.searches import found, tallies
from services.queue.stores.postgres.sql import SQL


class Reader:
    """Reads what `QueueStore` answers."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def receipt(self, prompt_id: str) -> Receipt | None:
        """See `QueueStore.receipt`."""
        found = await self._fetch("receipts", [prompt_id])
        return receipt_of(*found[0]) if found else None

    async def receipt_of_key(self, user_id: str, key: str, now: float) -> Receipt | None:
        """See `QueueStore.receipt_of_key`."""
        found = await self._pool.run(lambda connection: receipts_of_keys(connection, [(user_id, key)], now))
        return found.get((user_id, key))

    async def reusable(self, user_id: str, digest: bytes) -> str | None:
        """See `QueueStore.reusable`."""
        found = await self._fetch("last_reusable", digest, user_id)
        return str(found[0][0]) if found else None

    async def get(self, prompt_id: str) -> Prompt | None:
        """See `QueueStore.get`."""

        async def read(connection: Connection) -> Prompt | None:
            row = await connection.fetchval(SQL["row_of"], prompt_id)
            return (await read_prompts(connection, [row]))[0] if row is not None else None

        return await self._pool.snapshot(read)

    async def list(
        self, states: Collection[PromptState], *, limit: int, offset: int, from_end: bool, user: str | None = None
    ) -> Page:
        """See `QueueStore.list`."""

        async def read(connection: Connection) -> Page:
            ids, total = await _page(connection, states, limit, offset, from_end, user)
            return await read_prompts(connection, ids), total

        return await self._pool.snapshot(read)

    async def keys(
        self, states: Collection[PromptState], *, limit: int, offset: int, from_end: bool, user: str | None = None
    ) -> Keys:
        """See `QueueStore.keys`."""

        async def read(connection: Connection) -> Keys:
            ids, _ = await _page(connection, states, limit, offset, from_end, user)
            return [PromptKey(*row) for row in await connection.fetch(SQL["keys"], ids)]

        return await self._pool.snapshot(read)

    async def find(self, search: Search) -> Page:
        """See `QueueStore.find`."""

        async def read(connection: Connection) -> Page:
            ids, total = await found(connection, search)
            return await read_prompts(connection, ids, "prompts_alone"), total

        return await self._pool.snapshot(read)

    async def lives(self, state: PromptState) -> Lives:
        """See `QueueStore.lives`."""
        if state.is_terminal:
            found = await self._fetch("lives_finished", state.value)
        else:
            found = await self._fetch(f"lives_{state.value}")
        return [rows.life_of(row)[1] for row in found]

    async def limited(self) -> Lives:
        """See `QueueStore.limited`."""
        return [rows.life_of(row)[1] for row in await self._fetch("lives_limited")]

    async def waiting(self) -> Backlog:
        """See `QueueStore.waiting`."""
        return [Waiting(*row) for row in await self._fetch("waiting")]

    async def depths(self) -> Depths:
        """See `QueueStore.depths`."""
        return [Depth(PromptState(state), *rest) for state, *rest in await self._fetch("depths")]

    async def user_limits(self) -> AllLimits:
        """See `QueueStore.user_limits`."""
        return [rows.limits_of(row) for row in await self._fetch("user_limits")]

    async def requirements(self, placements: Collection[int]) -> Requirements:
        """See `QueueStore.requirements`."""
        return [rows.requirement_of(body) for (body,) in await self._fetch("requirements", list(placements))]

    async def events(self, prompt_id: str, after_sequence: int) -> StoredEvents | None:
        """See `QueueStore.events`."""
        found = await self._fetch("news", [prompt_id], [after_sequence])
        return (PromptState(found[0][1]), _news(found)[prompt_id]) if found else None

    async def news(self, after: Mapping[str, int]) -> dict[str, Batch]:
        """See `QueueStore.news`."""
        return _news(await self._fetch("news", list(after), list(after.values())))

    async def counts(self, user: str | None = None) -> dict[PromptState, int]:
        """See `QueueStore.counts`."""
        return await self._pool.run(lambda connection: _counts(connection, user))

    async def owned(self, prompt_ids: Collection[str], user: str) -> PromptIds:
        """See `QueueStore.owned`."""
        return [row[0] for row in await self._fetch("owned", list(prompt_ids), user)]

    async def catalogue(self) -> tuple[str, bytes] | None:
        """See `QueueStore.catalogue`."""
        found = await self._fetch("catalogue")
        return (found[0][0], found[0][1]) if found else None

    async def _fetch(self, query: str, *parameters: object) -> Sequence[rows.Row]:
        """The rows of a single statement."""
        return await self._pool.run(lambda connection: _fetch(connection, query, *parameters))


async def _fetch(connection: Connection, query: str, *parameters: object) -> Sequence[rows.Row]:
    return [tuple(row) for row in await connection.fetch(SQL[query], *parameters)]


async def read_prompts(connection: Connection, ids: Sequence[int], query: str = "prompts") -> list[Prompt]:
    """The prompts of rows, in their order; with their events when they have finished."""
    table = await _fetch(connection, query, ids)
    finished = rows.finished_of(ids, table)
    events = await _fetch(connection, "events_of", finished) if finished else []
    return rows.prompts_of(ids, table, events)


def _news(found: Sequence[rows.Row]) -> dict[str, Batch]:
    news: dict[str, Batch] = {}
    for prompt_id, _, client_id, *event in found:
        batch = news.setdefault(prompt_id, [])
        if event[0] is not None:
            batch.append(rows.event_of(prompt_id, client_id, tuple(event)))
    return news


async def _counts(connection: Connection, user: str | None) -> dict[PromptState, int]:
    return {PromptState(state): prompts for state, prompts in await tallies(connection, user)}


async def _page(
    connection: Connection,
    states: Collection[PromptState],
    limit: int,
    offset: int,
    from_end: bool,
    user: str | None,
) -> tuple[list[int], int]:
    """The row ids of a page, and how many prompts there are in these states."""
    counts = await _counts(connection, user)
    found, total = stretches(counts, states, limit=limit, offset=offset, from_end=from_end)
    return [row for stretch in found for row in await _stretch(connection, stretch, user)], total


async def _stretch(connection: Connection, stretch: Stretch, user: str | None) -> list[int]:
    length = stretch.end - stretch.begin
    whose, of_user = ((), "") if user is None else ((user,), "_of_user")
    if stretch.state is not None:
        return await _ids(connection, f"page_{stretch.state.value}{of_user}", length, stretch.begin, *whose)
    names: list[object] = [[state.value for state in stretch.states], *whose]
    query = f"page_finished{of_user}"
    if stretch.is_of_all_finished and user is None:
        names, query = [], "page_all_finished"
    if stretch.is_nearer_to_the_end:
        return (await _ids(connection, f"{query}_backwards", length, stretch.size - stretch.end, *names))[::-1]
    return await _ids(connection, query, length, stretch.begin, *names)


async def _ids(connection: Connection, query: str, *parameters: object) -> list[int]:
    return [row[0] for row in await connection.fetch(SQL[query], *parameters)]
