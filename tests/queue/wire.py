"""A wire to a server, which can be cut, and on which answers can be lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Wire:
    """Passes on what is said between clients and one server."""

    def __init__(self, target: str) -> None:
        self._target = target
        #: where clients connect to
        self.address = ""
        #: whether answers get lost
        self.is_deaf = False
        #: set when anything has arrived that was not passed back
        self.has_lost = asyncio.Event()
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Break all connections, and let no new ones through."""
        self._is_cut = True
        for writer in tuple(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        """Let connections and answers through again."""
        self._is_cut = self.is_deaf = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what is said on one connection."""
        if self._is_cut:
            writer.transport.abort()
            return
        host, port = self._target.split(":")
        upstream, downstream = await asyncio.open_connection(host, int(port))
        self._writers |= {writer, downstream}
        try:
            await asyncio.gather(self._pass(reader, downstream, False), self._pass(upstream, writer, True))
        except OSError:
            pass
        finally:
            for ended in (writer, downstream):
                self._writers.discard(ended)
                ended.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_answer: bool) -> None:
        while data := await reader.read(1 << 16):
            if is_answer and self.is_deaf:
                self.has_lost.set()
            else:
                writer.write(data)
                await writer.drain()
        raise ConnectionResetError


@asynccontextmanager
async def wired(target: str) -> AsyncIterator[Wire]:
    """A wire to the server at `target`."""
    wire = Wire(target)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.address = "{}:{}".format(*server.sockets[0].getsockname())
    try:
        yield wire
    finally:
        server.close()
        wire.cut()
        await asyncio.sleep(0)
