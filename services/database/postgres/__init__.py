"""PostgreSQL: connections, a pool that reads snapshots, migrations, and being woken by what others commit.

Whoever offers PostgreSQL as a choice imports this package, and what is built on it, only once it was chosen.

Raises:
    InvalidArgument: on import, when the driver is not installed.
"""

from __future__ import annotations

from services.errors import InvalidArgument

try:
    import asyncpg as asyncpg
except ModuleNotFoundError as error:
    raise InvalidArgument(
        "PostgreSQL needs the extra `postgres`, which is not installed: pip install 'silverprint[postgres]'"
    ) from error

from services.database.postgres.address import Address as Address
from services.database.postgres.connection import FAILURES as FAILURES
from services.database.postgres.connection import Connection as Connection
from services.database.postgres.connection import connect as connect
from services.database.postgres.connection import is_lost as is_lost
from services.database.postgres.listener import Listener as Listener
from services.database.postgres.migrate import migrate as migrate
from services.database.postgres.pool import Pool as Pool
