"""A real HTTP server that takes webhooks, or does not, as the test wants."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from services.queue.webhooks.signature import PREFIX

SECRET = b"a secret of twenty-four bytes or more"
SECRET_TEXT = PREFIX + base64.b64encode(SECRET).decode()

PATIENCE = 20.0  # seconds


@dataclass
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document

    def is_signed(self, secret: bytes = SECRET) -> bool:
        """As the standard tells receivers to check it."""
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        return expected in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """Answers with the next of `answers`, 204 when there are none: a status, or None to say nothing."""

    port: int = 0
    answers: deque[int | None] = field(default_factory=deque)
    location: str = ""
    serving: set[asyncio.Task[None]] = field(default_factory=set)
    _received: asyncio.Queue[Received] = field(default_factory=asyncio.Queue)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?of=test"

    async def next(self) -> Received:
        """The next request, when it comes."""
        return await asyncio.wait_for(self._received.get(), PATIENCE)

    def nothing_more(self) -> bool:
        return self._received.empty()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._answer(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
        body = await reader.readexactly(int(headers["content-length"]))
        status = self.answers.popleft() if self.answers else 204
        self._received.put_nowait(Received(request.split(" ")[1], headers, body))
        if status is None:
            await reader.read()  # until the other end leaves
            return
        location = f"location: {self.location}\r\n" if self.location else ""
        writer.write(f"HTTP/1.1 {status} X\r\n{location}content-length: 0\r\n\r\n".encode())


@asynccontextmanager
async def receiver(*answers: int | None) -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver(answers=deque(answers))

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.create_task(receiver.serve(reader, writer))
        receiver.serving.add(serving)
        serving.add_done_callback(receiver.serving.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for _ in range(5):  # a connection that was just accepted is served after some turns of the loop
            await asyncio.sleep(0)
            await asyncio.gather(*receiver.serving)
