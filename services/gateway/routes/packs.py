"""The HTTP handlers of node packs: whatever no route of ours answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.errors import NotFound, ServiceError
from services.gateway.backends import Backends
from services.gateway.bodies import whole
from services.gateway.errors import error_response
from services.queue.packs import (
    MAX_REQUEST_BYTES,
    OF_CONNECTION,
    ON_PROMPT,
    PLATFORM_PATHS,
    Headers,
    HttpData,
    HttpHead,
    HttpRequest,
    HttpResponsePart,
)

log = logging.getLogger(__name__)

#: Seconds that packs have to change a prompt.
CHANGE_TIMEOUT = 10.0

#: Headers that are not passed on beside those of a connection: the length is that of the body, which travels whole, and
#: credentials are no business of a node.
_KEPT_FROM_PACKS = OF_CONNECTION | {"content-length", "authorization", "cookie", "x-api-key"}
#: What our own server says itself.
_KEPT_FROM_CLIENTS = frozenset({"date", "server"})


async def answer(backends: Backends, request: Request, prefix: str) -> Response | None:
    """The answer of a node pack; None when no handler is for this request.

    Args:
        prefix: every handler also answers under it.
    """
    path = _path(request, prefix)
    if path.startswith(PLATFORM_PATHS) or not await _may_answer(backends, request.method, path):
        return None
    try:
        asked = HttpRequest(
            method=request.method,
            path=path,
            query=request.scope["query_string"].decode("latin-1"),
            headers=_headers(request),
            body=await whole(request, MAX_REQUEST_BYTES),
            file_space=backends.users.space(request),
        )
        return await _begun(backends.queue.call_pack(asked))
    except NotFound:
        return None
    except Exception as error:
        return error_response(error)


async def changed_prompt(backends: Backends, body: bytes) -> bytes:
    """The body of `POST /prompt` as the packs that want to see it leave it; as it is when they fail."""
    try:
        async with (
            asyncio.timeout(CHANGE_TIMEOUT),
            aclosing(backends.queue.call_pack(HttpRequest("POST", ON_PROMPT, body=body))) as parts,
        ):
            head = await _head(parts)
            changed = b"".join([part.data async for part in parts if isinstance(part, HttpData)])
    except (ServiceError, TimeoutError) as error:
        log.warning("a prompt is submitted without what node packs wanted to change: %s", error)
        return body
    return changed if head.status == 200 else body


async def _may_answer(backends: Backends, method: str, path: str) -> bool:
    try:
        return (await backends.packs.get()).answer(method, path)
    except ServiceError:  # then nobody could be asked, either
        return False


async def _begun(parts: AsyncGenerator[HttpResponsePart, None]) -> Response:
    head = await _head(parts)
    response = StreamingResponse(_data(parts), head.status)
    response.raw_headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in head.headers
        if name.lower() not in _KEPT_FROM_CLIENTS
    ]
    return response


async def _head(parts: AsyncGenerator[HttpResponsePart, None]) -> HttpHead:
    head = await anext(parts, None)
    if not isinstance(head, HttpHead):
        raise ServiceError("the node pack gave no answer")
    return head


async def _data(parts: AsyncGenerator[HttpResponsePart, None]) -> AsyncIterator[bytes]:
    async with aclosing(parts):
        async for part in parts:
            if isinstance(part, HttpData):
                yield part.data


def _path(request: Request, prefix: str) -> str:
    path: str = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1")
    return path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path


def _headers(request: Request) -> Headers:
    pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw)
    return tuple((name, value) for name, value in pairs if name not in _KEPT_FROM_PACKS)
