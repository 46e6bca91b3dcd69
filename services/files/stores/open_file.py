"""A file that is being read."""

from __future__ import annotations

from collections.abc import AsyncIterator

from services.files.records import FileInfo


class OpenFile:
    """A file that is being read: its description, and its content by iterating (once)."""

    def __init__(self, info: FileInfo, chunks: AsyncIterator[bytes]) -> None:
        self.info = info
        self._chunks = chunks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks

    async def read(self) -> bytes:
        """All that was asked for, in memory."""
        return b"".join([chunk async for chunk in self._chunks])
