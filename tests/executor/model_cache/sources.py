"""What downloads come from in tests: contents in memory, whole, cut or damaged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from blake3 import blake3

from services.errors import NotFound, Unavailable

CHUNK = 100_000


def digest_of(content: bytes) -> str:
    """The BLAKE3 of a content."""
    return blake3(content).hexdigest()


class Contents:
    """Contents by digest; every read is noted with its offset."""

    def __init__(self, contents: Iterable[bytes] = ()) -> None:
        self.contents = {digest_of(content): content for content in contents}
        self.reads: list[int] = []
        #: bytes after which the connection is lost, for the reads to come, one each
        self.cuts: list[int] = []
        self.before_chunk: Callable[[int], None] = lambda position: None

    @asynccontextmanager
    async def open(self, source: str, *, offset: int = 0, length: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        """Read from an offset on."""
        self.reads.append(offset)
        if source not in self.contents:
            raise NotFound("there is no such content")
        yield self._chunks(self.contents[source], offset, self.cuts.pop(0) if self.cuts else None)

    async def _chunks(self, content: bytes, offset: int, cut: int | None) -> AsyncIterator[bytes]:
        for position in range(offset, len(content), CHUNK):
            self.before_chunk(position)
            if cut is not None and position - offset >= cut:
                raise Unavailable("the connection is lost")
            yield content[position : position + CHUNK]
