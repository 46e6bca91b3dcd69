"""A content on its way in: it goes on where an earlier try stopped, and is verified before anybody sees it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from blake3 import blake3

from services.errors import DataLoss, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

#: Bytes read at once when the beginning of a content is here already.
READ_BYTES = 4 << 20

#: Seconds without a byte after which the file service counts as gone.
PATIENCE = 30.0
#: Seconds between tries.
RETRY_INTERVAL = 0.2


class Source(Protocol):
    """What contents are read from; `services.files.client.FileClient` is one."""

    def open(
        self, source: str, *, offset: int = 0, length: int = 0
    ) -> AbstractAsyncContextManager[AsyncIterable[bytes]]:
        """The content of this digest from an offset on."""
        ...


class Download:
    """One content into one file, which nobody else writes to."""

    def __init__(self, digest: str, size: int, part: Path, patience: float = PATIENCE) -> None:
        self._digest = digest
        self._size = size
        self._part = part
        self._patience = patience
        #: bytes that are here
        self.done = 0

    async def run(self, source: Source) -> None:
        """Bring all of it.

        Raises:
            NotFound: the content is gone.
            DataLoss: what came is not the content, twice; nothing of it is kept.
            Unavailable: the file service is gone.
            OSError: the disk is full, or broken.
        """
        began_with = self._part.stat().st_size
        try:
            await self._bring(source)
        except DataLoss:
            self._part.write_bytes(b"")
            if not began_with:
                raise
            # What an earlier try left may have been damaged.
            try:
                await self._bring(source)
            except DataLoss:
                self._part.write_bytes(b"")
                raise

    async def _bring(self, source: Source) -> None:
        loop = asyncio.get_running_loop()
        with self._part.open("r+b", buffering=0) as file:
            hash = await _in_thread(self._hash_of_beginning, file.fileno())
            lately = loop.time()
            while self.done < self._size:
                before = self.done
                try:
                    async with source.open(self._digest, offset=self.done) as content:
                        async for chunk in content:
                            await _in_thread(self._append, file.fileno(), chunk, hash)
                            lately = loop.time()
                except Unavailable:
                    if loop.time() - lately > self._patience:
                        raise
                    await asyncio.sleep(RETRY_INTERVAL)
                    continue
                if self.done == before:
                    break  # it ended too early
            if self.done != self._size or hash.hexdigest() != self._digest:
                raise DataLoss(f"what came is not the content {self._digest}: {self.done} of {self._size} bytes")
            await _in_thread(os.fsync, file.fileno())

    def _hash_of_beginning(self, descriptor: int) -> blake3:
        hash = blake3()
        self.done = 0
        while chunk := os.pread(descriptor, READ_BYTES, self.done):
            hash.update(chunk)
            self.done += len(chunk)
        if self.done > self._size:
            raise DataLoss(f"{self.done} bytes are there of {self._size}")
        return hash

    def _append(self, descriptor: int, chunk: bytes, hash: blake3) -> None:
        rest = memoryview(chunk)
        while rest:
            written = os.pwrite(descriptor, rest, self.done)
            hash.update(rest[:written])
            self.done += written
            rest = rest[written:]


async def _in_thread(blocking: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `asyncio.to_thread`, and never returns before the thread does: the file must not be closed under it."""
    running = asyncio.ensure_future(asyncio.to_thread(blocking, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
