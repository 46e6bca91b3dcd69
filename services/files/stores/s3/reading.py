"""Reading an object by ranges: memory for two of them, whatever its size and however slow its reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from services.errors import DataLoss, ServiceError
from services.files.chunks import CHUNK_BYTES
from services.files.records import FileName
from services.files.stores.s3.bucket import Bucket

#: Bytes that one request asks for.
RANGE_BYTES = 4 << 20


async def chunks_of(bucket: Bucket, name: FileName, path: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
    """The bytes of an object from start to end, in chunks; the next range is asked for while one is read.

    Between two requests nothing is held open, so that a reader who stops reading costs memory alone.

    Raises:
        DataLoss: the object is gone, or shorter.
        Unavailable: the store does not answer.
    """

    async def range_at(position: int) -> memoryview:
        length = min(RANGE_BYTES, end - position)
        part = await bucket.read(path, position, position + length)
        if len(part) != length:
            raise DataLoss(f"the object store has {len(part)} bytes of {name} where there were {length}")
        return part

    ahead: asyncio.Task[memoryview] | None = None
    try:
        for position in range(start, end, RANGE_BYTES):
            part = await (ahead or range_at(position))
            following = position + RANGE_BYTES
            ahead = asyncio.create_task(range_at(following)) if following < end else None
            for offset in range(0, len(part), CHUNK_BYTES):
                yield bytes(part[offset : offset + CHUNK_BYTES])
    finally:
        if ahead is not None:
            ahead.cancel()
            with suppress(asyncio.CancelledError, ServiceError):
                await ahead
