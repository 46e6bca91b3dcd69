"""A connection that can be cut or held up: a TCP proxy of its own between two parties."""

from __future__ import annotations

import asyncio
import socket
import struct
from types import TracebackType

#: Bytes passed on at once.
CHUNK = 64 << 10


class Link:
    """Listens on a port of its own and passes on what comes to `port` on the loopback; both ways, all connections."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self._target = port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Link:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        if self._connections:
            await asyncio.wait(self._connections)

    @property
    def port(self) -> int:
        """Where to connect to."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def address(self) -> str:
        """The same, for settings."""
        return f"127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Reset every connection; new ones work."""
        for connection in self._connections:
            connection.cancel()

    def stall(self) -> None:
        """Let nothing through, without anybody being told."""
        self._flowing.clear()

    def resume(self) -> None:
        """Let through what waited."""
        self._flowing.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._connect(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            await self._flowing.wait()
            there, away = await asyncio.open_connection("127.0.0.1", self._target)
            ends.append(away)
            await asyncio.gather(self._pass_on(reader, away), self._pass_on(there, writer))
            for end in ends:
                end.close()  # once what waits has been sent
        except OSError:
            pass  # one end is not there or has gone: the other one is told
        finally:
            for end in ends:
                _reset(end)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        writer.write_eof()


def _reset(end: asyncio.StreamWriter) -> None:
    """End a connection with a reset, as a firewall or a dead host does; without lingering data it would be in order."""
    if not end.transport.is_closing():
        end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.transport.abort()
