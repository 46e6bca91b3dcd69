"""One task that writes: whoever waits together is served by one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from services.database.postgres import FAILURES, Address, Connection, asyncpg, connect, is_lost
from services.database.postgres.connection import reason
from services.errors import ServiceError, Unavailable
from services.queue.life import Step
from services.queue.stores.postgres.batch import Done, carry_out
from services.queue.stores.postgres.operations import Interference, Operation, Outcome
from services.queue.stores.postgres.sql import NAME, SQL

log = logging.getLogger(__name__)

#: Operations in one transaction; a longer one would make the first of them wait.
MAX_GROUP = 512

#: Times that a transaction is begun which others interfere with.
TRIES = 10

#: Seconds in which it is found out what became of a commit that was not answered.
DOUBT_TIMEOUT = 30.0

#: Classes of SQLSTATE that are about what is written: data, integrity, limits of the server.
_REFUSALS = ("22", "23", "54")

_INTERFERENCE = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, Interference)


@dataclass
class _Request:
    operation: Operation
    future: asyncio.Future[Any]


class _Lost(Exception):
    """The connection ended before the commit: nothing was changed."""


class Writer:
    """Carries out operations, many to a transaction, on a connection that is made again when it breaks.

    Answers are given, and steps told, in the order in which they were made, after the commit.
    """

    def __init__(
        self, address: Address, connection: Connection, *, shard: int, replica: str, tell: Callable[[Step], None]
    ) -> None:
        self._address = address
        self._connection: Connection | None = connection
        self._shard = shard
        self._replica = replica
        self._tell = tell
        self._requests: list[_Request] = []
        self._wanted = asyncio.Event()
        self._closed = False
        self._task = asyncio.create_task(self._work())

    async def run(self, operation: Operation) -> Any:
        """The operation's answer, once it is durable.

        Raises:
            Unavailable: the database cannot be written, or is closed.
        """
        if self._closed:
            raise Unavailable("the service is shutting down")
        request = _Request(operation, asyncio.get_running_loop().create_future())
        self._requests.append(request)
        self._wanted.set()
        return await request.future

    async def close(self) -> None:
        """Commit what was asked for and end."""
        self._closed = True
        self._wanted.set()
        await self._task
        await self._disconnect()

    async def _work(self) -> None:
        while self._requests or not self._closed:
            await self._wanted.wait()
            group, self._requests = self._requests[:MAX_GROUP], self._requests[MAX_GROUP:]
            if not self._requests and not self._closed:
                self._wanted.clear()
            if group:
                await self._serve(group)

    async def _serve(self, group: Sequence[_Request]) -> None:
        try:
            done = await self._commit([request.operation for request in group])
        except Exception as error:
            if len(group) > 1 and _is_about_an_operation(error):
                for request in group:  # one that the database does not take must not fail the others
                    await self._serve([request])
                return
            for request in group:
                _settle(request, self._failed(error))
            return
        for index in done.order:
            step = done.outcomes[index].step
            if step is not None:
                self._tell(step)
            _settle(group[index], done.outcomes[index])

    def _failed(self, error: Exception) -> Outcome:
        if isinstance(error, ServiceError):
            return Outcome(error=error)
        if isinstance(error, FAILURES):
            return Outcome(error=Unavailable(f"the {NAME} cannot be written: {reason(error)}"))
        log.error("a transaction failed", exc_info=error)
        return Outcome(error=error)

    async def _commit(self, operations: Sequence[Operation]) -> Done:
        """Carry out operations in one transaction, again if others got in its way or the connection had ended."""
        for is_last in [False] * (TRIES - 1) + [True]:
            was_open = self._connection is not None and not self._connection.is_closed()
            try:
                return await self._try(operations)
            except _INTERFERENCE as error:
                if is_last:
                    raise Unavailable(f"the {NAME} is too busy: {reason(error)}") from error
                await asyncio.sleep(random.uniform(0.001, 0.02))
            except _Lost as error:
                if is_last or not was_open:
                    raise Unavailable(f"the {NAME} cannot be written: {error}") from error
        raise AssertionError("the last try returns or raises")

    async def _try(self, operations: Sequence[Operation]) -> Done:
        connection = await self._connected()
        try:
            done = await carry_out(connection, operations, self._shard, self._replica)
        except BaseException as error:
            if is_lost(error):
                await self._disconnect()
                raise _Lost(reason(error)) from error
            await self._undo(connection)
            raise
        try:
            await connection.execute(done.commit)
        except Exception as error:
            await self._disconnect()
            if not await self._was_committed(done, error):
                raise _Lost(reason(error)) from error
        return done

    async def _was_committed(self, done: Done, error: Exception) -> bool:
        """Whether a commit that was not answered took place; the answer may have been lost with the connection."""
        if done.transaction is None or (isinstance(error, asyncpg.PostgresError) and not is_lost(error)):
            return False
        log.warning("a commit was not answered (%s): looking for what became of it", reason(error))
        try:
            async with asyncio.timeout(DOUBT_TIMEOUT):
                return await self._outcome(done.transaction)
        except TimeoutError:
            raise Unavailable(f"the {NAME} did not answer, and the change may have been made or not") from error

    async def _outcome(self, transaction: str) -> bool:
        while True:
            with contextlib.suppress(ServiceError, *FAILURES):
                connection = await self._connected()
                outcome = await connection.fetchval(SQL["outcome"], transaction)
                if outcome != "in progress":
                    return bool(outcome == "committed")
            await asyncio.sleep(0.5)

    async def _undo(self, connection: Connection) -> None:
        try:
            await connection.execute("ROLLBACK")
        except Exception:
            await self._disconnect()

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            try:
                self._connection = await connect(self._address)
            except ServiceError as error:
                log.warning("%s", error)  # where the database is concerns the operator alone
                raise Unavailable(f"the {NAME} cannot be reached") from error
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close(timeout=1.0)
            except Exception:
                connection.terminate()


def _is_about_an_operation(error: Exception) -> bool:
    """Whether it may be the fault of one operation, and not of the moment."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_REFUSALS)
    return not isinstance(error, ServiceError)


def _settle(request: _Request, outcome: Outcome) -> None:
    if request.future.done():  # the caller left
        return
    if outcome.error is not None:
        request.future.set_exception(outcome.error)
    else:
        request.future.set_result(outcome.value)
