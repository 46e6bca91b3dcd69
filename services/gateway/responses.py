"""Answers as ComfyUI gives them."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

#: Bytes of a streamed answer that are made before it starts: what fails until then is still told by a status.
_HEAD_START = 256 << 10

JSON = "application/json; charset=utf-8"


def json_response(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`body` as JSON; parts that are `msgspec.Raw` go out byte for byte."""
    return Response(msgspec.json.encode(body), status_code=status, headers=headers, media_type=JSON)


def text_response(text: str, status: int) -> Response:
    """A few words, for those who look at the status alone."""
    return Response(text, status, media_type="text/plain")


def done() -> Response:
    """Success with nothing to say: no body and no content type."""
    return Response(status_code=200)


class HeldResponse(StreamingResponse):
    """Streams what `stack` holds open, and closes it, whether or not the client stayed."""

    def __init__(
        self, stack: AsyncExitStack, content: AsyncIterable[bytes], status: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(content, status, headers)
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._stack:
            await super().__call__(scope, receive, send)


async def streamed_json(pieces: AsyncIterator[bytes]) -> Response:
    """JSON that is made while it is sent; a short answer goes out in one piece."""
    head: list[bytes] = []
    size = 0
    async for piece in pieces:
        head.append(piece)
        size += len(piece)
        if size > _HEAD_START:
            return StreamingResponse(_chained(b"".join(head), pieces), media_type=JSON)
    return Response(b"".join(head), media_type=JSON)


async def _chained(head: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for piece in pieces:
        yield piece
