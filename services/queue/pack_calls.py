"""HTTP requests on their way to the handlers of node packs, over the Work streams, and their answers back."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator

from services.errors import InvalidArgument, NotFound, Unavailable
from services.queue.fleet import Fleet, Session
from services.queue.packs import (
    MAX_REQUEST_BYTES,
    HttpData,
    HttpRequest,
    HttpResponsePart,
    PackCancellation,
    PackFlow,
    PackRequest,
    PackResponse,
)


class PackCalls:
    """The calls that are under way."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._open: dict[str, _Call] = {}

    async def call(self, request: HttpRequest) -> AsyncGenerator[HttpResponsePart, None]:
        """The answer of a handler: its head, then its body as it comes; leaving early cancels the call.

        Raises:
            NotFound: no pack of a connected executor has such a handler.
            InvalidArgument: the body is too long.
            Unavailable: the executor or its worker went away before the answer was whole.
        """
        if len(request.body) > MAX_REQUEST_BYTES:
            raise InvalidArgument(f"a body of {len(request.body):,} bytes is longer than {MAX_REQUEST_BYTES:,}")
        call = _Call(self._server_of(request))
        self._open[call.id] = call
        call.session.send(PackRequest(call.id, request))
        try:
            while (part := await call.next()) is not None:
                yield part
                if isinstance(part, HttpData):
                    call.session.send(PackFlow(call.id, len(part.data)))
        finally:
            del self._open[call.id]
            if not call.has_ended:
                call.session.send(PackCancellation(call.id))

    def answered(self, session: Session, response: PackResponse) -> None:
        """Take a part of an answer; what nobody waits for any more is dropped."""
        call = self._open.get(response.call_id)
        if call is not None and call.session is session:
            call.take(response)

    def left(self, session: Session) -> None:
        """Expect nothing more from a session."""
        for call in self._open.values():
            if call.session is session:
                call.take(PackResponse(call.id, None, f"executor {session.executor_id} went away"))

    def _server_of(self, request: HttpRequest) -> Session:
        sessions = sorted(self._fleet.sessions(), key=lambda session: session.executor_id)
        for session in sessions:
            if session.packs.answers(request.method, request.path):
                return session
        raise NotFound(f"no node pack answers {request.method} {request.path}")


class _Call:
    """One request and what has come of its answer. What waits here is bounded by what executors send unasked."""

    def __init__(self, session: Session) -> None:
        self.id = uuid.uuid4().hex
        self.session = session
        self.has_ended = False
        self._parts: asyncio.Queue[PackResponse] = asyncio.Queue()

    def take(self, response: PackResponse) -> None:
        self._parts.put_nowait(response)

    async def next(self) -> HttpResponsePart | None:
        """The next part, None after the last one."""
        response = await self._parts.get()
        if response.part is None:
            self.has_ended = True
            if response.error:
                raise Unavailable(response.error)
        return response.part
