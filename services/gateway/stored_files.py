"""Stored files as HTTP answers: streamed, conditional, in part."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from contextlib import AsyncExitStack

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.files.client import FileClient
from services.files.records import FileInfo, FileName
from services.gateway.conditional import RangeNotSatisfiable, Validators, is_unchanged, wanted_range
from services.gateway.errors import error_response


async def stored_file(files: FileClient, request: Request, name: FileName, headers: Mapping[str, str]) -> Response:
    """The file, streamed, or what the conditions and ranges in the request make of it.

    Args:
        headers: what is said about the content beside its version and length.

    Raises:
        NotFound: there is no such file.
    """
    if request.method == "HEAD" or "range" in request.headers:
        return await _described(files, request, name, headers)
    return await _whole(files, request, name, headers)


class _FileResponse(StreamingResponse):
    """Streams an open file and closes it, whether or not the client stayed."""

    def __init__(
        self, stack: AsyncExitStack, content: AsyncIterable[bytes], status: int, headers: dict[str, str]
    ) -> None:
        super().__init__(content, status, headers)
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._stack:
            await super().__call__(scope, receive, send)


async def _whole(files: FileClient, request: Request, name: FileName, about: Mapping[str, str]) -> Response:
    async with AsyncExitStack() as stack:
        file = await stack.enter_async_context(files.open(name))
        validators = _validators(file.info)
        headers = _headers(about, validators)
        if is_unchanged(request, validators):
            return Response(status_code=304, headers=headers)
        headers["Content-Length"] = str(file.info.size)
        return _FileResponse(stack.pop_all(), file, 200, headers)


async def _described(files: FileClient, request: Request, name: FileName, about: Mapping[str, str]) -> Response:
    """Answers that need the size first: HEAD and ranges."""
    info = await files.stat(name)
    validators = _validators(info)
    headers = _headers(about, validators)
    if is_unchanged(request, validators):
        return Response(status_code=304, headers=headers)
    try:
        part = wanted_range(request, info.size, validators)
    except RangeNotSatisfiable as error:
        refusal = error_response(error)
        refusal.headers["Content-Range"] = f"bytes */{info.size}"
        return refusal
    if request.method == "HEAD":
        return Response(status_code=200, headers=headers | {"Content-Length": str(info.size)})
    if part is None:
        return await _whole(files, request, name, about)
    return await _part(files, name, headers, info, *part)


async def _part(
    files: FileClient, name: FileName, headers: dict[str, str], info: FileInfo, start: int, length: int
) -> Response:
    async with AsyncExitStack() as stack:
        file = await stack.enter_async_context(files.open(name, offset=start, length=length))
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{info.size}"
        headers["Content-Length"] = str(length)
        return _FileResponse(stack.pop_all(), file, 206, headers)


def _validators(info: FileInfo) -> Validators:
    return Validators(f'"{int(info.modified_at * 1_000_000):x}-{info.size:x}"', info.modified_at)


def _headers(about: Mapping[str, str], validators: Validators) -> dict[str, str]:
    return {"Accept-Ranges": "bytes", **about, **validators.headers}
