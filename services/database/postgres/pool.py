"""A few connections, for reads that see one moment each and for changes that are transactions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import asyncpg

from services.database.postgres.address import Address
from services.database.postgres.connection import FAILURES, Connection, connect, is_lost, reason
from services.errors import ServiceError, Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

Read = Callable[[Connection], Awaitable[T]]

#: Connections of a pool.
SIZE = 4


class Pool:
    """Connections that are made when they are needed, and again when they broke.

    Nothing is reset between two uses, which would take longer than most of them do: they leave nothing behind.
    """

    def __init__(self, address: Address, first: Connection, name: str, size: int) -> None:
        self._address = address
        self._name = name
        self._idle = [first]
        self._places = asyncio.Semaphore(size)
        self._closed = False

    @classmethod
    async def open(cls, address: Address, name: str, size: int = SIZE) -> Pool:
        """A pool of at most `size` connections, the first of which is made now; messages say "the `name`".

        Raises:
            InvalidArgument, Unavailable: as `connect` does.
        """
        return cls(address, await connect(address), name, size)

    async def snapshot(self, read: Read[T]) -> T:
        """What `read` finds in several statements, which all see the same moment.

        Raises:
            Unavailable: the database cannot be read.
        """

        async def in_transaction(connection: Connection) -> T:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return await read(connection)

        return await self.run(in_transaction)

    async def run(self, read: Read[T]) -> T:
        """What `read` finds in one statement; it is asked again when its connection turns out to be broken.

        Raises:
            Unavailable: the database cannot be read.
        """
        async with self._places:
            while True:
                connection, is_new = await self._take()
                try:
                    return await self._use(connection, read)
                except FAILURES as error:
                    if is_new or not is_lost(error):
                        raise Unavailable(f"the {self._name} cannot be read: {reason(error)}") from error

    async def change(self, write: Read[T]) -> T:
        """What `write` answers in a transaction, once that is committed; it may be carried out anew from its beginning.

        What `write` raises undoes it and passes through, also the errors of the driver that speak of other
        transactions (`asyncpg.TransactionRollbackError`).

        Raises:
            Unavailable: the database cannot be written, or whether it was is not known.
        """
        async with self._places:
            while True:
                connection, is_new = await self._take()
                attempt = _Attempt(write)
                try:
                    await self._use(connection, attempt.run)
                except FAILURES as error:
                    if attempt.is_committing:
                        raise Unavailable(f"whether the {self._name} changed is not known: {reason(error)}") from error
                    if is_new or not is_lost(error):
                        raise Unavailable(f"the {self._name} cannot be written: {reason(error)}") from error
                else:
                    return attempt.answer()

    async def close(self) -> None:
        """Close the connections; reads under way end by themselves."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _take(self) -> tuple[Connection, bool]:
        """A connection for one read alone, and whether it has just been made."""
        if self._closed:
            raise Unavailable("the service is shutting down")
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection, False
        try:
            return await connect(self._address), True
        except ServiceError as error:
            log.warning("%s", error)  # where the database is concerns the operator alone
            raise Unavailable(f"the {self._name} cannot be reached") from error

    async def _use(self, connection: Connection, read: Read[T]) -> T:
        """Read, and keep the connection for others unless it was left in the middle of something."""
        try:
            found = await read(connection)
        except BaseException:
            connection.terminate()
            raise
        if self._closed:
            await connection.close()
        else:
            self._idle.append(connection)
        return found


class _Attempt(Generic[T]):
    """One transaction: what `write` raises is kept while it is undone, for it says nothing against the connection."""

    def __init__(self, write: Read[T]) -> None:
        self._write = write
        self._answers: list[T] = []
        self._error: Exception | None = None
        self.is_committing = False

    async def run(self, connection: Connection) -> None:
        transaction = connection.transaction()
        await transaction.start()
        try:
            self._answers.append(await self._write(connection))
        except Exception as error:
            if isinstance(error, FAILURES) and not isinstance(error, asyncpg.TransactionRollbackError):
                raise
            self._error = error
            await transaction.rollback()
        else:
            self.is_committing = True
            await transaction.commit()

    def answer(self) -> T:
        if self._error is not None:
            raise self._error
        return self._answers[0]
