"""Bringing the schema of a part of Silverprint up to date, however many replicas begin to do so at once."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from services.database.migrations import outstanding
from services.database.postgres.address import Address
from services.database.postgres.connection import FAILURES, connect, refusal
from services.errors import InvalidArgument

#: The oldest that has everything that is used.
OLDEST_SERVER = 13

#: Whoever migrates holds this advisory lock.
_LOCK = 0x53696C7665727072

_SCHEMAS = "CREATE TABLE IF NOT EXISTS silverprint_schemas (part text PRIMARY KEY, version integer NOT NULL)"
_VERSION = "SELECT version FROM silverprint_schemas WHERE part = $1"
_KEEP_VERSION = """INSERT INTO silverprint_schemas (part, version) VALUES ($1, $2)
ON CONFLICT (part) DO UPDATE SET version = excluded.version"""


async def migrate(address: Address, part: str, migrations: Path) -> None:
    """Run the migrations of a folder that were not run yet, in one transaction.

    Parts of Silverprint, such as "queue", may share a database; each has its own version.

    Raises:
        InvalidArgument: a newer version of silverprint made the schema, the server is too old or not in UTF-8, or the
            user may not make tables.
        Unavailable: the server cannot be reached.
    """
    connection = await connect(address, command_timeout=None)
    try:
        await _check(connection, address)
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            await connection.execute(_SCHEMAS)
            version = await connection.fetchval(_VERSION, part) or 0
            for number, script in outstanding(migrations, version, address.shown):
                await connection.execute(script)
                await connection.execute(_KEEP_VERSION, part, number)
    except FAILURES as error:
        raise refusal(address, error) from error
    finally:
        await connection.close()


async def _check(connection: asyncpg.Connection[asyncpg.Record], address: Address) -> None:
    server = connection.get_server_version()
    if server.major < OLDEST_SERVER:
        raise InvalidArgument(
            f"{address.shown} is PostgreSQL {server.major}.{server.minor}, at least {OLDEST_SERVER} is needed"
        )
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise InvalidArgument(f"{address.shown} has the encoding {encoding}, UTF8 is needed")
