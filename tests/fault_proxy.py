"""A proxy in front of a real HTTP server that does to requests what networks and servers do on bad days."""

from __future__ import annotations

import asyncio
import enum
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class Fault(enum.Enum):
    """What becomes of a request."""

    REFUSE = enum.auto()  #: 503 SlowDown
    FAIL = enum.auto()  #: 500
    HANG = enum.auto()  #: nobody ever answers
    CUT = enum.auto()  #: the connection ends while the request is read
    LOSE = enum.auto()  #: success is answered, and nothing was done
    FORGET_TO_ANSWER = enum.auto()  #: it is done, and the connection ends without an answer
    SHORTEN = enum.auto()  #: the connection ends in the middle of the answer


@dataclass
class _Rule:
    fault: Fault
    method: str
    target: re.Pattern[str]
    times: int


@dataclass
class FaultProxy:
    """Passes requests on, except for those that a rule is about."""

    _upstream: tuple[str, int]
    endpoint: str = ""
    #: method and target of every request, in order
    seen: list[str] = field(default_factory=list)
    _rules: list[_Rule] = field(default_factory=list)

    def inject(self, fault: Fault, method: str, target: str = "", times: int = 1_000_000) -> None:
        """Have a fault happen to the next requests of a method whose path and query match."""
        self._rules.append(_Rule(fault, method, re.compile(target), times))

    def heal(self) -> None:
        """Pass everything on from now on."""
        self._rules.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Deal with one connection."""
        try:
            while await self._one_request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _one_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        self.seen.append(f"{method} {target}")
        fault = self._fault(method, target)
        if fault is Fault.CUT:
            return False
        body = await reader.readexactly(_length(head))
        if fault in (Fault.REFUSE, Fault.FAIL, Fault.LOSE):
            writer.write(_ANSWERS[fault])
            await writer.drain()
            return True
        if fault is Fault.HANG:
            await asyncio.Event().wait()
        answer = await self._passed_on(head, body)
        if fault is Fault.FORGET_TO_ANSWER:
            return False
        writer.write(answer[: len(answer) * 3 // 4] if fault is Fault.SHORTEN else answer)
        await writer.drain()
        return False

    def _fault(self, method: str, target: str) -> Fault | None:
        for rule in self._rules:
            if rule.times and rule.method == method and rule.target.search(target):
                rule.times -= 1
                return rule.fault
        return None

    async def _passed_on(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self._upstream)
        head = re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", head)
        writer.write(head[:-2] + b"Connection: close\r\n\r\n" + body)
        try:
            answer = await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()
        return re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", answer, count=1).replace(
            b"\r\n", b"\r\nConnection: close\r\n", 1
        )


_ANSWERS = {
    Fault.REFUSE: b"HTTP/1.1 503 Slow Down\r\nContent-Length: %d\r\n\r\n%s" % (len(SLOW_DOWN), SLOW_DOWN),
    Fault.FAIL: b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    Fault.LOSE: b'HTTP/1.1 200 OK\r\nETag: "0123456789abcdef0123456789abcdef"\r\nContent-Length: 0\r\n\r\n',
}


def _length(head: bytes) -> int:
    found = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
    return int(found[1]) if found else 0


@asynccontextmanager
async def fault_proxy(endpoint: str) -> AsyncIterator[FaultProxy]:
    """A proxy in front of the server at an address, until the end of the block."""
    upstream = urlsplit(endpoint)
    assert upstream.hostname and upstream.port
    proxy = FaultProxy((upstream.hostname, upstream.port))
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        connections.add(task)
        try:
            await proxy.serve(reader, writer)
        except asyncio.CancelledError:
            return  # asyncio's streams take a cancelled task for an error
        finally:
            connections.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    proxy.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
