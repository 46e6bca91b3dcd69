"""uvicorn's WebSocket with bounds: whatever a peer sends or does not read, it costs little and nobody else anything."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from services.gateway.sockets.wire import packed

#: Bytes of a message that a client may send: feature flags, and nothing longer.
MAX_MESSAGE_BYTES = 64 << 10

#: Frames that a message may come in.
MAX_FRAGMENTS = 64

#: Frames that a client may send at once, and in the long run in a second.
FRAMES_AT_ONCE = 500
FRAMES_PER_SECOND = 50.0

#: Bytes that are looked at in one go: the limits above are checked in between.
PIECE_BYTES = 4 << 10

#: Seconds that a peer which does not read has to take what was sent before a close.
LINGER = 5.0


class SocketProtocol(WebSocketsSansIOProtocol):
    """One connection.

    `send` also takes "websocket.send" with `payloads`, a list of messages that go out in one write.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._allowance = float(FRAMES_AT_ONCE)
        self._allowed_at = self.loop.time()
        self._abort: asyncio.TimerHandle | None = None

    async def send(self, message: Any) -> None:
        """Send what the application says."""
        payloads = message.get("payloads")
        if payloads is None:
            await super().send(message)
            if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
                self.handshake_complete = True  # with a refusal; uvicorn would log an error of ours
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent or self.transport.is_closing():
            raise ClientDisconnected
        self.transport.write(packed(payloads))

    def data_received(self, data: bytes) -> None:
        """Take a part of what the peer sends, as far as it is allowed to."""
        for start in range(0, len(data), PIECE_BYTES):
            if self.close_sent and self.transport.is_closing():
                return
            super().data_received(data[start : start + PIECE_BYTES])

    def handle_events(self) -> None:
        """Count frames, and end a connection that sends too many."""
        now = self.loop.time()
        earned = (now - self._allowed_at) * FRAMES_PER_SECOND
        self._allowance = min(self._allowance + earned, FRAMES_AT_ONCE)
        self._allowed_at = now
        self._allowance -= len(self.conn.events)
        super().handle_events()
        if self._allowance < 0 and not self.close_sent:
            self._refuse(CloseCode.POLICY_VIOLATION, "you send too many messages")

    def handle_cont(self, event: Frame) -> None:
        """Take a further part of a message."""
        if len(self.frames) >= MAX_FRAGMENTS:
            self.frames = []
            self._refuse(CloseCode.MESSAGE_TOO_BIG, "the message comes in too many frames")
        elif not self.close_sent:
            super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answer, unless the peer does not take what it is sent."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def keepalive_timeout(self) -> None:
        """End a connection whose peer is gone."""
        super().keepalive_timeout()
        self._abort_in(LINGER)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The application has nothing more to say."""
        super().on_task_complete(task)
        self._abort_in(self.close_timeout + LINGER)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        if self._abort is not None:
            self._abort.cancel()
        super().connection_lost(exc)

    def _refuse(self, code: int, reason: str) -> None:
        self.conn.fail(code, reason)
        self.handle_parser_exception()
        self._abort_in(LINGER)

    def _abort_in(self, seconds: float) -> None:
        """A transport closes only when everything is written, which a peer that does not read puts off for ever."""
        if self._abort is None and not self.disconnected:
            self._abort = self.loop.call_later(seconds, self.transport.abort)
