"""Deliveries of webhooks in the PostgreSQL store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from services.database.postgres import Connection, Pool
from services.database.queries import read_queries
from services.queue.stores.delivery_rows import delivery_columns, delivery_of
from services.queue.stores.postgres.changes import columns
from services.queue.stores.postgres.reader import read_prompts
from services.queue.stores.rows import Row, names_of
from services.queue.webhooks.outbox import Outbox
from services.queue.webhooks.payload import deliveries_of
from services.queue.webhooks.records import Deliveries, Delivery, DeliverySearch, DeliveryState, Settlement

_SQL = read_queries(Path(__file__).with_name("outbox.sql"))


class PostgresOutbox(Outbox):
    """The table `deliveries`; replicas take turns by locking rows."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim(self, *, now: float, until: float, limit: int) -> Deliveries:
        return [delivery_of(row) for row in await self._fetch("claim", now, until, limit)]

    async def settle(self, delivery_id: str, attempt: int, settlement: Settlement) -> bool:
        error = settlement.error.replace("\0", "")
        changes = (settlement.state.value, settlement.next_attempt_at, settlement.settled_at, error)
        return bool(await self._fetch("settle", *changes, delivery_id, attempt))

    async def next_due(self) -> float | None:
        due: float | None = (await self._fetch("next_due"))[0][0]
        return due

    async def list(self, search: DeliverySearch) -> Deliveries:
        states = [state.value for state in search.states or frozenset(DeliveryState)]
        page = (search.limit or None, search.offset)
        if search.prompt_id:
            found = await self._fetch("list_of_prompt", *page, search.prompt_id, states)
        elif search.states:
            found = await self._fetch("list_of_states", *page, states)
        else:
            found = await self._fetch("list_all", *page)
        return [delivery_of(row) for row in found]

    async def redeliver(self, delivery_id: str, now: float) -> Delivery | None:
        found = await self._fetch("redeliver", now, delivery_id)
        return delivery_of(found[0]) if found else None

    async def forget_settled(self, *, delivered_before: float, dead_before: float, limit: int) -> int:
        forgotten = 0
        for state, before in ((DeliveryState.DELIVERED, delivered_before), (DeliveryState.DEAD, dead_before)):
            forgotten += len(await self._fetch("forget_settled", state.value, before, limit - forgotten))
        return forgotten

    async def _fetch(self, query: str, *parameters: object) -> Sequence[Row]:
        found = await self._pool.run(lambda connection: connection.fetch(_SQL[query], *parameters))
        return [tuple(row) for row in found]


async def keep_deliveries(connection: Connection, ended: Sequence[int]) -> frozenset[int]:
    """Put into the outbox what is to be sent about prompts that end in this transaction; the rows of those."""
    if not ended:
        return frozenset()
    urls = {row: names_of(column) for row, column in await connection.fetch(_SQL["urls_of"], ended)}
    if urls:
        prompts = await read_prompts(connection, list(urls))
        deliveries = [
            delivery
            for prompt, wanted in zip(prompts, urls.values(), strict=True)
            for delivery in deliveries_of(prompt, wanted)
        ]
        table = [delivery_columns(delivery) for delivery in deliveries]
        await connection.execute(_SQL["add"], *columns(table, len(table[0])))
    return frozenset(urls)
