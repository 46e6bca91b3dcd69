"""Reading request bodies within a limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import msgspec
from starlette.requests import Request

from services.errors import Unavailable
from services.gateway.errors import BodyTooLarge, TooSlow
from services.gateway.raw_json import members

#: Seconds that a body may take beyond what it needs at `MIN_RATE`.
GRACE = 30.0

#: Bytes per second that a body must come with.
MIN_RATE = 10 << 10


#: Bytes of all bodies together that wait in memory for their rest.
MAX_ARRIVING = 256 << 20


class _Arriving:
    """What has come of bodies that are not complete, in this process."""

    def __init__(self) -> None:
        self._size = 0

    def add(self, size: int) -> None:
        """Count more of it; raises `Unavailable` when that is too much."""
        self._size += size
        if self._size > MAX_ARRIVING:
            raise Unavailable("too many long requests arrive at the same time")

    def subtract(self, size: int) -> None:
        """Count what was added before no more."""
        self._size -= size


_arriving = _Arriving()


async def chunks(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body as it arrives.

    Raises:
        BodyTooLarge: it is, or says it is, longer than `limit` bytes.
        TooSlow: it comes drop by drop.
        ClientDisconnect: the client left before its end.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge(limit)
    began = asyncio.get_running_loop().time()
    received = 0
    async with aclosing(request.stream()) as stream:
        while (chunk := await _next(stream, began + GRACE + received / MIN_RATE)) is not None:
            received += len(chunk)
            if received > limit:
                raise BodyTooLarge(limit)
            yield chunk


async def whole(request: Request, limit: int) -> bytes:
    """The body in one piece.

    Raises:
        Unavailable: too much of other bodies is in memory, waiting for its rest; and as `chunks` does.
    """
    parts: list[bytes] = []
    try:
        async for chunk in chunks(request, limit):
            parts.append(chunk)
            _arriving.add(len(chunk))
        return b"".join(parts)
    finally:
        _arriving.subtract(sum(map(len, parts)))


async def json_object(request: Request, limit: int) -> dict[str, msgspec.Raw]:
    """The members of the JSON object that is the body, whatever its content type.

    Raises:
        BadRequest: it is not a JSON object; and as `chunks` does.
    """
    return members(await whole(request, limit))


async def _next(stream: AsyncGenerator[bytes, None], deadline: float) -> bytes | None:
    """What comes next of a body, None at its end."""
    try:
        async with asyncio.timeout_at(deadline):
            return await anext(stream, None)
    except TimeoutError as error:
        raise TooSlow("the body of the request did not come in time") from error
