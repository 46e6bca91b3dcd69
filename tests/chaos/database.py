"""A PostgreSQL that can be killed and held like the other services."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType

import psutil

from tests.postgres import PostgresServer

#: What ends every connection but the own one.
_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"


class Database:
    """The server with all of its processes."""

    def __init__(self) -> None:
        self._server = PostgresServer()

    async def __aenter__(self) -> Database:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.thaw()
        await asyncio.to_thread(self._server.remove)

    @property
    def url(self) -> str:
        """Where the queue's tables are."""
        return self._server.url()

    async def start(self) -> None:
        """Start it; what a killed one left is recovered."""
        await asyncio.to_thread(self._server.start)

    async def kill(self) -> None:
        """Kill -9 all of it at once."""
        self._each(psutil.Process.kill)
        await asyncio.to_thread(self._server.stop)

    async def terminate(self) -> None:
        """Ask it to end and to send everybody away."""
        await asyncio.to_thread(self._server.stop)

    def freeze(self) -> None:
        """Stop all of it where it is."""
        self._each(psutil.Process.suspend)

    def thaw(self) -> None:
        """Let it go on."""
        self._each(psutil.Process.resume)

    async def cut(self) -> None:
        """Reset every connection; new ones work."""
        await self._server.execute(_CUT)

    def children(self) -> list[psutil.Process]:
        """None that faults are meant for."""
        return []

    def _each(self, do: Callable[[psutil.Process], None]) -> None:
        pid = self._server.pid
        if pid is None:
            return
        server = psutil.Process(pid)
        for process in (server, *server.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                do(process)
