"""One thread that writes: whoever waits together is committed together."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from services.errors import Unavailable

T = TypeVar("T")

#: Operations in one transaction; a longer one would make the first of them wait.
MAX_GROUP = 512

Operation = Callable[[sqlite3.Connection], T]


@dataclass
class _Request:
    operation: Operation[Any]
    committed: Callable[[Any], None] | None
    future: asyncio.Future[Any]
    answer: Any = None
    error: Exception | None = None


class Writer:
    """Runs operations in the order in which they were asked for, many to a transaction.

    Each is undone alone when it raises. Answers are given in that order on the event loop, after the commit is on
    disk.
    """

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"{name}-writer", daemon=True)
        self._thread.start()

    async def run(self, operation: Operation[T], committed: Callable[[T], None] | None = None) -> T:
        """The operation's answer, once it is durable.

        Before it is given, `committed` is called with it on the event loop: once for every operation that was
        committed, in their order, also when the caller has left.

        Raises:
            Unavailable: the database cannot be written, or is closed.
        """
        if self._closed:
            raise Unavailable("the service is shutting down")
        request = _Request(operation, committed, self._loop.create_future())
        self._requests.put(request)
        answer: T = await request.future
        return answer

    async def close(self) -> None:
        """Commit what was asked for and end the thread."""
        self._closed = True
        self._requests.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _work(self) -> None:
        open_ = True
        while open_:
            group, open_ = self._take()
            if group:
                self._commit(group)
                self._loop.call_soon_threadsafe(self._settle, group)

    def _take(self) -> tuple[list[_Request], bool]:
        """Whoever waits now, at least one; False when there will be no more."""
        request = self._requests.get()
        group: list[_Request] = []
        while request is not None:
            group.append(request)
            if len(group) == MAX_GROUP:
                return group, True
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _commit(self, group: list[_Request]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for request in group:
                self._perform(request)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            for request in group:
                request.error = error

    def _perform(self, request: _Request) -> None:
        self._connection.execute("SAVEPOINT operation")
        try:
            request.answer = request.operation(self._connection)
        except Exception as error:
            request.error = error
            # Raises when a full disk or the like has ended the transaction already: then the whole group failed.
            self._connection.execute("ROLLBACK TO operation")
        self._connection.execute("RELEASE operation")

    def _settle(self, group: list[_Request]) -> None:
        for request in group:
            if request.error is None and request.committed is not None:
                request.committed(request.answer)
            if request.future.done():  # the caller left
                continue
            if isinstance(request.error, sqlite3.Error):
                request.future.set_exception(Unavailable(f"the {self._name} cannot be written: {request.error}"))
            elif request.error is not None:
                request.future.set_exception(request.error)
            else:
                request.future.set_result(request.answer)
