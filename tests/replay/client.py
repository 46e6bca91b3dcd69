"""A client of the stack's WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import quote

import websockets
from websockets.asyncio.client import ClientConnection

from tests.e2e.stack import PATIENCE, Stack
from tests.recordings import Frame


class Client:
    """Collects what it is told."""

    def __init__(self, socket: ClientConnection) -> None:
        self.frames: list[Frame] = []
        self._socket = socket
        self._arrived = asyncio.Event()

    async def say(self, message: str | bytes) -> None:
        """Send a message."""
        await self._socket.send(message)

    async def negotiate(self, flags: object) -> None:
        """Say what it understands, and wait for the answer."""
        await self.say(json.dumps({"type": "feature_flags", "data": flags}))
        await self.told("feature_flags")

    async def told(self, type_: str, **data: Any) -> None:
        """Wait until there was a message of this type with these data."""

        def is_there() -> bool:
            messages = [frame for frame in self.frames if isinstance(frame, dict) and frame["type"] == type_]
            return any(data.items() <= message["data"].items() for message in messages)

        await self._until(is_there, PATIENCE)

    async def told_as_often(self, frames: Sequence[dict[str, Any]], patience: float) -> None:
        """Wait until there were as many frames of the last one's type as there, or until patience is at its end."""
        type_ = frames[-1]["type"]
        times = _count(type_, frames)
        with suppress(TimeoutError):
            await self._until(lambda: _count(type_, self.frames) >= times, patience)

    async def settled(self) -> None:
        """Wait for what may be under way, unless the socket is closed."""
        with suppress(websockets.ConnectionClosed):
            await (await self._socket.ping())

    async def leave(self) -> None:
        """Close the socket."""
        await self._socket.close()

    async def listen(self) -> None:
        """Collect until the socket is closed."""
        async for frame in self._socket:
            self.frames.append(frame if isinstance(frame, bytes) else json.loads(frame))
            self._arrived.set()

    async def _until(self, condition: Callable[[], bool], patience: float) -> None:
        async with asyncio.timeout(patience):
            while not condition():
                self._arrived.clear()
                await self._arrived.wait()


def _count(type_: str, frames: Iterable[Frame]) -> int:
    return sum(isinstance(frame, dict) and frame.get("type") == type_ for frame in frames)


@asynccontextmanager
async def connected(stack: Stack, client_id: str | None) -> AsyncIterator[Client]:
    """A client that has been greeted."""
    query = "" if client_id is None else f"?clientId={quote(client_id)}"
    address = f"{stack.url.replace('http', 'ws')}/ws{query}"
    async with websockets.connect(address, max_size=None, proxy=None) as socket:
        client = Client(socket)
        listening = asyncio.create_task(client.listen())
        try:
            await client.told("status")
            yield client
        finally:
            await client.leave()
            await listening
