"""Stored files as HTTP answers: streamed, conditional, in part."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack

from starlette.requests import Request
from starlette.responses import Response

from services.errors import Aborted
from services.files.client import FileClient
from services.files.records import FileInfo, FileName
from services.gateway.conditional import RangeNotSatisfiable, Validators, is_unchanged, refused_range, wanted_range
from services.gateway.responses import HeldResponse


async def stored_file(files: FileClient, request: Request, name: FileName, headers: Mapping[str, str]) -> Response:
    """The file, streamed, or what the conditions and ranges in the request make of it.

    Args:
        headers: what is said about the content beside its version and length.

    Raises:
        NotFound: there is no such file.
        Aborted: it was replaced meanwhile.
    """
    if request.method == "HEAD" or "range" in request.headers:
        return await _described(files, request, name, headers)
    return await _whole(files, request, name, headers)


async def _whole(files: FileClient, request: Request, name: FileName, about: Mapping[str, str]) -> Response:
    async with AsyncExitStack() as stack:
        file = await stack.enter_async_context(files.open(name))
        validators = _validators(file.info)
        headers = _headers(about, validators)
        if is_unchanged(request, validators):
            return Response(status_code=304, headers=headers)
        headers["Content-Length"] = str(file.info.size)
        return HeldResponse(stack.pop_all(), file, 200, headers)


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
        return refused_range(error)
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
        if file.info != info:
            raise Aborted(f"{name} changed while it was read")
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{info.size}"
        headers["Content-Length"] = str(length)
        return HeldResponse(stack.pop_all(), file, 206, headers)


def _validators(info: FileInfo) -> Validators:
    """The digest tells versions apart; where it is not known, time and size have to do."""
    version = info.blake3 or f"{int(info.modified_at * 1_000_000):x}-{info.size:x}"
    return Validators(f'"{version}"', info.modified_at)


def _headers(about: Mapping[str, str], validators: Validators) -> dict[str, str]:
    return {"Accept-Ranges": "bytes", **about, **validators.headers}
