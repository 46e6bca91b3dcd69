"""Deliveries of webhooks in the SQLite store."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec

from services.database.queries import read_queries
from services.database.sqlite import Reader, Writer
from services.queue.stores.delivery_rows import delivery_columns, delivery_of
from services.queue.stores.rows import Row, names_of
from services.queue.stores.sqlite.reader import read_prompts
from services.queue.webhooks.outbox import Outbox
from services.queue.webhooks.payload import deliveries_of
from services.queue.webhooks.records import Deliveries, Delivery, DeliverySearch, DeliveryState, Settlement

_SQL = read_queries(Path(__file__).with_name("outbox.sql"))


class SqliteOutbox(Outbox):
    """The table `deliveries`, by the threads of the store."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def claim(self, *, now: float, until: float, limit: int) -> Deliveries:
        due = await self._reader.run(lambda connection: connection.execute(_SQL["due"], (now, limit)).fetchall())
        if not due:  # nearly always: spare the writer the question
            return []

        def claim(connection: sqlite3.Connection) -> Deliveries:
            ids = connection.execute(_SQL["due"], (now, limit)).fetchall()
            connection.executemany(_SQL["claim"], ((until, id_) for (id_,) in ids))
            return [_delivery(connection, id_) for (id_,) in ids]

        return await self._writer.run(claim)

    async def settle(self, delivery_id: str, attempt: int, settlement: Settlement) -> bool:
        columns = (settlement.state.value, settlement.next_attempt_at, settlement.settled_at, settlement.error)

        def settle(connection: sqlite3.Connection) -> bool:
            return connection.execute(_SQL["settle"], (*columns, delivery_id, attempt)).rowcount > 0

        return await self._writer.run(settle)

    async def next_due(self) -> float | None:
        row = await self._reader.run(lambda connection: connection.execute(_SQL["next_due"]).fetchone())
        due: float | None = row[0]
        return due

    async def list(self, search: DeliverySearch) -> Deliveries:
        query, parameters = _listed(search)

        def read(connection: sqlite3.Connection) -> Deliveries:
            ids = connection.execute(query, (*parameters, search.limit or -1, search.offset))
            return [_delivery(connection, id_) for (id_,) in ids]

        return await self._reader.run(read)

    async def redeliver(self, delivery_id: str, now: float) -> Delivery | None:
        def redeliver(connection: sqlite3.Connection) -> Delivery | None:
            row = connection.execute(_SQL["redeliver"], (now, delivery_id)).fetchone()
            return _delivery(connection, row[0]) if row else None

        return await self._writer.run(redeliver)

    async def forget_settled(self, *, delivered_before: float, dead_before: float, limit: int) -> int:
        def forget(connection: sqlite3.Connection) -> int:
            forgotten = 0
            for state, before in ((DeliveryState.DELIVERED, delivered_before), (DeliveryState.DEAD, dead_before)):
                parameters = (state.value, before, limit - forgotten)
                forgotten += connection.execute(_SQL["forget_settled"], parameters).rowcount
            return forgotten

        return await self._writer.run(forget)


def keep_deliveries(connection: sqlite3.Connection, row_id: int) -> bool:
    """Put into the outbox what is to be sent about a prompt that has just ended; whether there is anything."""
    (column,) = connection.execute(_SQL["urls_of"], (row_id,)).fetchone()
    urls = names_of(column)
    if not urls:
        return False
    deliveries = deliveries_of(read_prompts(connection, [row_id])[0], urls)
    connection.executemany(_SQL["add"], map(delivery_columns, deliveries))
    return True


def _listed(search: DeliverySearch) -> tuple[str, Row]:
    states = search.states or frozenset(DeliveryState)
    if search.prompt_id:
        names = msgspec.json.encode([state.value for state in states]).decode()
        return _SQL["list_of_prompt"], (search.prompt_id, names)
    if states == frozenset(DeliveryState):
        return _SQL["list_all"], ()
    # One walk along the index for each state, merged on the way.
    arms = " UNION ALL ".join("SELECT id FROM deliveries WHERE state = ?" for _ in states)
    return f"{arms} ORDER BY id DESC LIMIT ? OFFSET ?", tuple(state.value for state in states)


def _delivery(connection: sqlite3.Connection, id_: int) -> Delivery:
    return delivery_of(connection.execute(_SQL["delivery"], (id_,)).fetchone())
