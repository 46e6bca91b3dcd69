"""Files of the web UI as HTTP answers: typed, cached, compressed, conditional, in part."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.gateway.conditional import (
    RangeNotSatisfiable,
    Validators,
    accepts_gzip,
    is_unchanged,
    refused_range,
    wanted_range,
)
from services.gateway.content_types import is_text, web_headers
from services.gateway.web_ui.compressed import Compressed

#: Bytes read at a time.
_CHUNK = 256 << 10

#: What is shorter gains nothing by being compressed; what is longer is a source map that nobody waits for.
_COMPRESSED_SIZES = range(1 << 10, 16 << 20)


#: What is said again of a file that has not changed.
_OF_UNCHANGED = ("Cache-Control", "ETag", "Last-Modified", "Vary")


@dataclass(frozen=True)
class WebFile:
    """A file on our disk."""

    path: Path
    size: int
    validators: Validators

    @classmethod
    def at(cls, path: Path) -> WebFile:
        """Look at a file.

        Raises:
            OSError: it is gone.
        """
        found = path.stat()
        etag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
        return cls(path, found.st_size, Validators(etag, found.st_mtime))


async def web_file(request: Request, file: WebFile, compressed: Compressed) -> Response:
    """The file, or what the conditions, ranges and encodings in the request make of it."""
    headers = {"Accept-Ranges": "bytes", **web_headers(request.scope["path"], file.path.name)}
    if is_text(file.path.name) and file.size in _COMPRESSED_SIZES:
        headers["Vary"] = "Accept-Encoding"
        if accepts_gzip(request) and "range" not in request.headers:
            return await _zipped(request, file, headers, compressed)
    headers |= file.validators.headers
    if is_unchanged(request, file.validators):
        return _unchanged(headers)
    try:
        part = wanted_range(request, file.size, file.validators)
    except RangeNotSatisfiable as error:
        return refused_range(error)
    start, length = part or (0, file.size)
    headers["Content-Length"] = str(length)
    if part:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{file.size}"
    if request.method == "HEAD":
        return Response(headers=headers)
    return StreamingResponse(_content(file.path, start, length), 206 if part else 200, headers)


async def _zipped(request: Request, file: WebFile, headers: dict[str, str], compressed: Compressed) -> Response:
    validators = Validators(f'{file.validators.etag[:-1]}-gzip"', file.validators.modified_at)
    headers |= validators.headers
    if is_unchanged(request, validators):
        return _unchanged(headers)
    return Response(await compressed.file(file.path, validators.etag), headers=headers | {"Content-Encoding": "gzip"})


def _unchanged(headers: dict[str, str]) -> Response:
    """What a browser keeps is still right: about itself it knows all but for how long."""
    return Response(status_code=304, headers={name: headers[name] for name in _OF_UNCHANGED if name in headers})


async def _content(path: Path, start: int, length: int) -> AsyncIterator[bytes]:
    async with AsyncExitStack() as stack:
        file = await asyncio.to_thread(os.open, path, os.O_RDONLY)
        stack.callback(os.close, file)
        end = start + length
        while start < end:
            chunk = await asyncio.to_thread(os.pread, file, min(_CHUNK, end - start), start)
            if not chunk:
                return
            yield chunk
            start += len(chunk)
