"""Contents as streams of chunks."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

#: Bytes per chunk: from 256 KiB to 1 MiB the throughput is flat, below it a message costs more than its bytes.
CHUNK_BYTES = 512 << 10

#: Bytes that a received chunk may have.
MAX_CHUNK_BYTES = 1 << 20


async def rechunked(chunks: AsyncIterable[bytes], size: int = CHUNK_BYTES) -> AsyncIterator[bytes]:
    """The same content in chunks of exactly `size` bytes, except for the last one; nothing for an empty content."""
    parts: list[bytes] = []
    held = 0
    async for chunk in chunks:
        start = 0
        while held + len(chunk) - start >= size:
            end = start + size - held
            parts.append(chunk[start:end])
            yield parts[0] if len(parts) == 1 else b"".join(parts)
            parts, held, start = [], 0, end
        if start < len(chunk):
            parts.append(chunk[start:])
            held += len(chunk) - start
    if parts:
        yield b"".join(parts)


async def one_chunk(content: bytes) -> AsyncIterator[bytes]:
    """A content that is in memory already, as a stream."""
    yield content
