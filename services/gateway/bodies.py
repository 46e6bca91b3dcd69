"""Reading request bodies within a limit."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request

from services.gateway.errors import BodyTooLarge
from services.gateway.raw_json import members


async def chunks(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body as it arrives.

    Raises:
        BodyTooLarge: it is, or says it is, longer than `limit` bytes.
        ClientDisconnect: the client left before its end.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge(limit)
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit:
            raise BodyTooLarge(limit)
        yield chunk


async def whole(request: Request, limit: int) -> bytes:
    """The body in one piece; raises as `chunks` does."""
    return b"".join([chunk async for chunk in chunks(request, limit)])


async def json_object(request: Request, limit: int) -> dict[str, msgspec.Raw]:
    """The members of the JSON object that is the body, whatever its content type.

    Raises:
        BadRequest: it is not a JSON object; and as `chunks` does.
    """
    return members(await whole(request, limit))
