"""Connecting, and what the driver's errors mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from services.database.postgres.address import Address
from services.errors import InvalidArgument, ServiceError, Unavailable

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

#: Seconds until a server that does not answer counts as out of reach.
CONNECT_TIMEOUT = 10.0

#: Seconds that a statement may take.
COMMAND_TIMEOUT = 45.0

_UNWANTED = ("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "jit")

#: Statements are about few rows, which indexes find, often in order. Plans are kept with prepared statements: one that
#: was made while a table was small would read or sort all of it for ever; and compiling takes longer than most of them.
_PLANNING = "; ".join(f"SET {feature} = off" for feature in _UNWANTED)

#: Classes of SQLSTATE that say nothing against the caller: connections, resources, operators, the system.
_TEMPORARY = ("08", "53", "57", "58", "XX")

#: What the driver raises when something is wrong with a statement, the connection or the server. Internal ones are of
#: a connection whose server was ended between two statements, while the driver was not looking.
FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

#: The connection has ended, or leads to a server that is a copy now and takes no changes.
_LOST_STATES = ("08", "57P", "25006", "25P03")


async def connect(address: Address, *, command_timeout: float | None = COMMAND_TIMEOUT) -> Connection:
    """A connection.

    Raises:
        InvalidArgument: the server refuses the user, the password or a parameter, or there is no such database.
        Unavailable: the server cannot be reached, or has no connection to spare.
    """
    try:
        connection = await asyncpg.connect(
            address.url,
            timeout=CONNECT_TIMEOUT,
            command_timeout=command_timeout,
            statement_cache_size=address.statement_cache_size,
            server_settings={"application_name": "silverprint"},
        )
        try:
            await connection.execute(_PLANNING)
        except BaseException:
            connection.terminate()
            raise
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        raise refusal(address, error) from error
    return connection


def refusal(address: Address, error: Exception) -> ServiceError:
    """What to tell whoever cannot connect, or not use what they connected to."""
    if isinstance(error, TimeoutError):
        return Unavailable(f"{address.shown} did not answer within {CONNECT_TIMEOUT:.0f} s")
    if isinstance(error, OSError):
        return Unavailable(f"{address.shown} cannot be reached: {error.strerror or reason(error)}")
    if isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "XX")[:2] in _TEMPORARY:
        return Unavailable(f"{address.shown} is not ready: {reason(error)}")
    return InvalidArgument(f"{address.shown} cannot be used: {reason(error)}")


def reason(error: BaseException) -> str:
    """What went wrong, in one line: details and hints come after it."""
    return str(error).partition("\n")[0] or type(error).__name__


def is_lost(error: BaseException) -> bool:
    """Whether an error means that the connection is of no more use."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_LOST_STATES)
    is_about_arguments = isinstance(error, ValueError)
    return isinstance(error, FAILURES) and not is_about_arguments
