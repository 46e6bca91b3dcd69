"""Which store the settings ask for."""

from __future__ import annotations

import logging
from pathlib import Path

from services.queue.stores.base import QueueStore
from services.queue.stores.sqlite import SqliteStore

log = logging.getLogger(__name__)

#: The file in the data folder, unless the settings name a database.
DATABASE = "queue.sqlite3"


async def open_store(database: str, data: Path) -> QueueStore:
    """The PostgreSQL database with this URL, or the file of SQLite in the data folder if there is none.

    Raises:
        InvalidArgument: it cannot be used, is not ours, or the driver is not installed.
        FailedPrecondition: another queue has the file.
        Unavailable: the server of the database cannot be reached.
    """
    if not database:
        return await SqliteStore.open(data / DATABASE)
    # Imported only now: its driver is an extra.
    from services.database.postgres.address import Address
    from services.queue.stores.postgres import PostgresStore

    store = await PostgresStore.open(database)
    log.info("prompts are kept in %s", Address.parse(database).shown)
    return store
