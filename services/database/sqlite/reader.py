"""One thread that reads, beside the writer: snapshots of what is committed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from services.database.sqlite.file import connect
from services.errors import Unavailable

T = TypeVar("T")


class Reader:
    """A thread with a connection of its own; every read sees one moment."""

    def __init__(self, path: Path, name: str) -> None:
        self._name = name
        self._connection = connect(path, read_only=True)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"{name}-reader")

    async def run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """What `read` finds.

        Raises:
            Unavailable: the database cannot be read.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, read)

    async def close(self) -> None:
        """End the thread."""
        await asyncio.to_thread(self._thread.shutdown)
        self._connection.close()

    def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        try:
            self._connection.execute("BEGIN")
            try:
                return read(self._connection)
            finally:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise Unavailable(f"the {self._name} cannot be read: {error}") from error
