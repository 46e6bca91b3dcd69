"""Contents that wait to be passed on: small ones in memory, others on disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile

#: Bytes of a content that are kept in memory.
SPOOL_BYTES = 1 << 20

#: Bytes that are read at once.
_READ_BYTES = 256 << 10


class SpooledContent:
    """A content that is written once, and read from its beginning; gone when it is closed."""

    def __init__(self) -> None:
        #: bytes
        self.size = 0
        self._spool: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 (see close)

    async def write(self, data: bytes) -> None:
        """Append to it, off the event loop once it is on disk."""
        self.size += len(data)
        if self.size > SPOOL_BYTES:
            await asyncio.to_thread(self._spool.write, data)
        else:
            self._spool.write(data)

    async def content(self) -> AsyncIterator[bytes]:
        """It, from its beginning."""
        self._spool.seek(0)
        if self.size <= SPOOL_BYTES:
            yield self._spool.read()
            return
        while data := await asyncio.to_thread(self._spool.read, _READ_BYTES):
            yield data

    def close(self) -> None:
        """Remove it."""
        self._spool.close()
