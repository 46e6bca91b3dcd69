"""One open WebSocket, seen from the inside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from services.gateway.sockets.frames import Frame, Kind
from services.gateway.sockets.outbox import Outbox, Overflow


class Socket:
    """Frames for one client, and what it said about itself."""

    def __init__(
        self,
        client_id: str,
        delivered: Callable[[str, int], None],
        dropped: Callable[[Kind, int], None],
    ) -> None:
        self.client_id = client_id
        #: whether the client understands previews with metadata
        self.metadata = False
        #: set when the client reads so slowly that what must arrive does not fit the buffer
        self.overflowed = asyncio.Event()
        self._outbox = Outbox(dropped)
        self._delivered = delivered

    def put(self, frame: Frame) -> None:
        """Queue a frame; after an overflow nothing is queued any more."""
        if self.overflowed.is_set():
            return
        try:
            self._outbox.put(frame)
        except Overflow:
            self.overflowed.set()

    def put_all(self, frames: Iterable[Frame]) -> None:
        """Queue frames in their order."""
        for frame in frames:
            self.put(frame)

    async def send_all(self, send: Callable[[str | bytes], Awaitable[None]]) -> None:
        """Send what is queued, as fast as `send` takes it, until cancelled."""
        while True:
            frame = await self._outbox.get()
            await send(frame.payload)
            if frame.receipt is not None:
                self._delivered(frame.receipt.prompt_id, frame.receipt.sequence)
