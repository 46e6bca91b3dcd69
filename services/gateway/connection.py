"""A connection of a client, with an end to everything that a client can drag out.

uvicorn waits for ever for the rest of a request's head, reads heads of any length, reads on and on when an answer came
before the end of its request, and waits for ever for a client that has stopped to read.
"""

from __future__ import annotations

import asyncio
import http
from typing import Any, cast

import httptools
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.errors import ServiceError
from services.gateway.errors import BadRequest, HeadTooLarge, TooSlow, error_response

#: Seconds in which the head of a request must have come, from the connection or the first byte on.
HEAD_SECONDS = 30.0

#: Bytes that a client may send without getting anywhere: to the end of a head, to more of a body.
MAX_HEAD_BYTES = 64 << 10

#: Seconds for which the rest of a body is read and forgotten when its answer is out.
LINGER_SECONDS = 5.0

#: Seconds in which a client must read a part of its answer, half a megabyte at most.
STALL_SECONDS = 120.0


class Connection(HttpToolsProtocol):
    """HTTP over one connection, as uvicorn speaks it."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        #: bytes since the parser got anywhere
        self._without_progress = 0
        self._awaited: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._refusal: ServiceError | None = None
        #: once the request is read
        self._closes = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._without_progress += len(data)
        if self._awaited is None and self._is_idle:
            self._await(HEAD_SECONDS)
        super().data_received(data)
        if self._without_progress > MAX_HEAD_BYTES:
            self._refuse(HeadTooLarge(MAX_HEAD_BYTES))

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refusal or BadRequest("this is not HTTP", type="invalid_http"))

    def on_headers_complete(self) -> None:
        self._arrived()
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            self._refusal = HeadTooLarge(MAX_HEAD_BYTES)
            raise httptools.HttpParserError(self._refusal.message)
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycle.transport = cast(asyncio.Transport, _ReadToTheEnd(self))

    def on_body(self, body: bytes) -> None:
        self._without_progress = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._arrived()
        super().on_message_complete()
        if self._closes:
            self.transport.close()

    def close_when_read(self) -> None:
        """Close after what the client still sends: who is cut off while sending does not see its answer."""
        if self.pipeline or not self.cycle.more_body:
            self.transport.close()
        else:
            self._closes = True
            self._await(LINGER_SECONDS)

    def on_response_complete(self) -> None:
        is_unread = not self.pipeline and self.cycle.more_body
        super().on_response_complete()
        if is_unread and not self.transport.is_closing():
            self._await(LINGER_SECONDS)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _await(self, seconds: float) -> None:
        """Give the client this much time for what it has to send."""
        if self._awaited is not None:
            self._awaited.cancel()
        self._awaited = self.loop.call_later(seconds, self._did_not_arrive)

    def _arrived(self) -> None:
        self._without_progress = 0
        if self._awaited is not None:
            self._awaited.cancel()
            self._awaited = None

    def _did_not_arrive(self) -> None:
        self._awaited = None
        if self._without_progress and not (self.cycle and self.cycle.more_body):
            self._refuse(TooSlow("the head of the request did not come in time"))
        else:
            self.transport.close()

    @property
    def _is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _refuse(self, error: ServiceError) -> None:
        """Answer outside of the application unless it has begun to, and close."""
        if self.transport.is_closing():
            return
        if self._is_idle or not (self.pipeline or self.cycle.response_started):
            self.transport.write(_as_bytes(error_response(error)))
        if not self._is_idle:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()


class _ReadToTheEnd:
    """The transport of a connection as an answer sees it: closing it lets the client finish."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection.transport, name)

    def close(self) -> None:
        """Close it when the request has been read."""
        self._connection.close_when_read()


def _as_bytes(response: Response) -> bytes:
    phrase = http.HTTPStatus(response.status_code).phrase
    headers = b"".join(name + b": " + value + b"\r\n" for name, value in response.raw_headers)
    head = f"HTTP/1.1 {response.status_code} {phrase}\r\n".encode() + headers + b"connection: close\r\n\r\n"
    return head + bytes(response.body)
