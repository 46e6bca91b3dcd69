"""One open WebSocket, seen from the inside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from services.gateway.sockets.frames import Frame, Kind
from services.gateway.sockets.outbox import Outbox, Overflow


class Socket:
    """Frames for one client, and what it said about itself."""

    def __init__(
        self,
        client_id: str,
        address: str,
        delivered: Callable[[str, int], None],
        dropped: Callable[[Kind, int], None],
    ) -> None:
        self.client_id = client_id
        #: the client id of the prompts whose events it gets: its own, within its user's
        self.address = address
        #: whether the client understands previews with metadata
        self.metadata = False
        #: done when the client reads so slowly that what must arrive does not fit the buffer
        self.overflowed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        #: the last word that it was given on how many prompts there are
        self._status: Frame | None = None
        self._outbox = Outbox(dropped)
        self._delivered = delivered

    def put(self, frame: Frame) -> None:
        """Queue a frame; after an overflow nothing is queued any more, and no status twice."""
        if self.overflowed.done() or frame is self._status:
            return
        if frame.kind is Kind.STATUS:
            self._status = frame
        try:
            self._outbox.put(frame)
        except Overflow:
            self.overflowed.set_result(None)

    def put_all(self, frames: Iterable[Frame]) -> None:
        """Queue frames in their order."""
        for frame in frames:
            self.put(frame)

    async def send_all(self, send: Callable[[Sequence[str | bytes]], Awaitable[None]]) -> None:
        """Send what is queued, together what waits together, as fast as `send` takes it, until cancelled."""
        while True:
            frames = await self._outbox.take()
            await send([frame.payload for frame in frames])
            for frame in frames:
                if frame.receipt is not None:
                    self._delivered(frame.receipt.prompt_id, frame.receipt.sequence)
