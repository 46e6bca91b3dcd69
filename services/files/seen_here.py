"""Contents of files that this process sees where the file service keeps them: they need not travel.

Half of what a large download costs is the way from one process to another on the same host.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator

from services.errors import Aborted
from services.files.chunks import CHUNK_BYTES
from services.files.locations import FileLocation
from services.files.records import FileInfo

#: Bytes from which on it pays to ask where a file lies; asking takes as long as a megabyte on its way.
WORTHWHILE = 4 << 20


def open_here(location: FileLocation, info: FileInfo) -> int | None:
    """A descriptor of the very file that was described, in that version, if this process sees it; None otherwise."""
    if (location.size, location.modified_ns // 1_000 / 1e6) != (info.size, info.modified_at):
        return None
    try:
        descriptor = os.open(location.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    if _is(descriptor, location):
        return descriptor
    os.close(descriptor)
    return None


async def chunks_here(location: FileLocation, descriptor: int, start: int, end: int) -> AsyncGenerator[bytes, None]:
    """The bytes from start to end, one chunk read ahead; closes the descriptor in the end.

    Raises:
        Aborted: the file was changed in place since it was opened.
    """

    def read(position: int) -> bytes:
        chunk = os.pread(descriptor, min(CHUNK_BYTES, end - position), position)
        if len(chunk) < min(CHUNK_BYTES, end - position) or not _is(descriptor, location):
            raise Aborted("the file changed while it was read")
        return chunk

    ahead: asyncio.Future[bytes] | None = None
    loop = asyncio.get_running_loop()
    try:
        for position in range(start, end, CHUNK_BYTES):
            chunk = await (ahead or loop.run_in_executor(None, read, position))
            following = position + CHUNK_BYTES
            ahead = loop.run_in_executor(None, read, following) if following < end else None
            yield chunk
    finally:
        if ahead:
            await asyncio.wait([ahead])
            ahead.exception()
        os.close(descriptor)


def _is(descriptor: int, location: FileLocation) -> bool:
    return FileLocation.of(location.path, os.fstat(descriptor)) == location
