"""What may come in as a model: looked at while it streams by, so that what is none never gets a name."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator

from services.errors import FailedPrecondition, InvalidArgument
from services.files.models import kinds
from services.files.models.metadata import MAX_BYTES
from services.files.records import FileName
from services.safetensors_header import (
    EXTENSIONS,
    LENGTH_BYTES,
    HeaderError,
    check_layout,
    data_bytes,
    header_length,
    parse_header,
)

#: More bytes than any file has: how long a file will be is not known while it comes.
_ENDLESS = 1 << 62


def checked(folder: str, name: FileName, chunks: AsyncIterable[bytes], *, allow_pickles: bool) -> AsyncIterator[bytes]:
    """The content of a model that is to have this name, as long as it is one.

    Of a safetensors file nothing is passed on before its whole header has come and makes sense; the end raises as well,
    when the tensors are not all there or something follows them. Iterating raises `InvalidArgument` then.

    Raises:
        InvalidArgument: no model of the kind ends so.
        FailedPrecondition: files of this kind can hold code, and are not allowed.
    """
    extension = os.path.splitext(name.filename)[1].lower()
    if not kinds.is_model(folder, name.filename):
        known = ", ".join(sorted(kinds.extensions(folder)))
        raise InvalidArgument(f"{name} is not the name of a model: it should end with one of {known}")
    if extension in EXTENSIONS:
        return _safetensors(name, chunks)
    if extension in kinds.PICKLED and not allow_pickles:
        raise FailedPrecondition(
            f"{name} would be a pickled file, which can hold code: convert it to safetensors, or have the file service"
            " started with --allow-pickles"
        )
    return aiter(chunks)


async def _safetensors(name: FileName, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    whole: int | None = None
    waiting = bytearray()
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if whole is None:
            waiting += chunk
            whole = await _whole_size(name, waiting)
            if whole is None:
                continue
            chunk = bytes(waiting)
            waiting.clear()
        if size > whole:
            raise InvalidArgument(f"{name} is damaged: something follows its tensors, which end at byte {whole}")
        yield chunk
    if whole is None:
        raise InvalidArgument(f"{name} {_cut(bytes(waiting))}")
    if size < whole:
        raise InvalidArgument(f"{name} is truncated: its last {whole - size} bytes are missing")


async def _whole_size(name: FileName, start: bytearray) -> int | None:
    """How many bytes a file has that begins so, by its own header; None while the header is not all there.

    Raises:
        InvalidArgument: it is no safetensors file.
    """
    if len(start) < LENGTH_BYTES:
        return None
    try:
        length = header_length(bytes(start[:LENGTH_BYTES]), _ENDLESS, limit=MAX_BYTES)
        if len(start) < LENGTH_BYTES + length:
            return None
        header = await asyncio.to_thread(parse_header, bytes(start[LENGTH_BYTES : LENGTH_BYTES + length]), _ENDLESS)
        check_layout(header)
    except HeaderError as error:
        raise InvalidArgument(f"{name} {error}") from error
    return LENGTH_BYTES + length + data_bytes(header)


def _cut(content: bytes) -> str:
    """What is wrong with a file that ended before its header did."""
    try:
        header_length(content[:LENGTH_BYTES], len(content))
    except HeaderError as error:
        return str(error)
    return "is truncated"
