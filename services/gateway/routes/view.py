"""`/view`: a stored file, whole or in part, as it is or converted."""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import AsyncExitStack

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.files.records import FileInfo, FileName
from services.gateway.backends import Backends
from services.gateway.conditional import RangeNotSatisfiable, Validators, is_unchanged, wanted_range
from services.gateway.content_types import content_headers, disposition
from services.gateway.errors import error_response
from services.gateway.pictures import Conversion
from services.gateway.routes.uploads import read_picture
from services.gateway.translate.view import requested_conversion, requested_file


async def show(backends: Backends, request: Request) -> Response:
    """The file that the query names."""
    name = requested_file(request.query_params)
    conversion = requested_conversion(request.query_params)
    if conversion is not None:
        return await _converted(backends, name, conversion)
    if request.method == "HEAD" or "range" in request.headers:
        return await _described(backends, request, name)
    return await _whole(backends, request, name)


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


async def _whole(backends: Backends, request: Request, name: FileName) -> Response:
    async with AsyncExitStack() as stack:
        file = await stack.enter_async_context(backends.files.open(name))
        validators = _validators(file.info)
        headers = _headers(request, file.info, validators)
        if is_unchanged(request, validators):
            return Response(status_code=304, headers=headers)
        headers["Content-Length"] = str(file.info.size)
        return _FileResponse(stack.pop_all(), file, 200, headers)


async def _described(backends: Backends, request: Request, name: FileName) -> Response:
    """Answers that need the size first: HEAD and ranges."""
    info = await backends.files.stat(name)
    validators = _validators(info)
    headers = _headers(request, info, validators)
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
        return await _whole(backends, request, name)
    return await _part(backends, name, headers, info, *part)


async def _part(
    backends: Backends, name: FileName, headers: dict[str, str], info: FileInfo, start: int, length: int
) -> Response:
    async with AsyncExitStack() as stack:
        file = await stack.enter_async_context(backends.files.open(name, offset=start, length=length))
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{info.size}"
        headers["Content-Length"] = str(length)
        return _FileResponse(stack.pop_all(), file, 206, headers)


async def _converted(backends: Backends, name: FileName, conversion: Conversion) -> Response:
    data = await read_picture(backends, name)
    headers = {
        "Content-Disposition": disposition(name.filename, "inline"),
        "X-Content-Type-Options": "nosniff",
    }
    picture = await backends.pictures.convert(data, conversion)
    return Response(picture, headers=headers, media_type=conversion.media_type)


def _validators(info: FileInfo) -> Validators:
    return Validators(f'"{int(info.modified_at * 1_000_000):x}-{info.size:x}"', info.modified_at)


def _headers(request: Request, info: FileInfo, validators: Validators) -> dict[str, str]:
    return {"Accept-Ranges": "bytes", **content_headers(request, info.name.filename), **validators.headers}
