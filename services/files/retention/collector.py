"""Collecting garbage: temp files that were shown long enough, and what stores find that nobody needs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from services.errors import Aborted, NotFound, ServiceError
from services.files.records import FileInfo, FileKind
from services.files.retention.records import Garbage, GarbageKind, References, Retention, no_references
from services.files.stores.keeping import KeepingStore

log = logging.getLogger(__name__)


class Collector:
    """Collects the garbage of a store; does nothing twice at once."""

    def __init__(
        self,
        store: KeepingStore,
        retention: Retention,
        references: References = no_references,
        clock: Callable[[], float] = time.time,
        removed: Callable[[Garbage], None] = lambda garbage: None,
    ) -> None:
        """`removed` is told of everything that goes."""
        self._store = store
        self._retention = retention
        self._references = references
        self._clock = clock
        self._removed = removed
        self._collecting = asyncio.Lock()

    async def collect(self, *, dry_run: bool = False) -> AsyncGenerator[Garbage, None]:
        """Remove what nobody needs and say what it was, one thing after another; with `dry_run` only say it.

        What is not iterated over stays. Whoever comes while somebody collects waits for the end of that.
        """
        async with self._collecting:
            for found in (self._expired(dry_run), self._store.sweep(self._references, dry_run=dry_run)):
                async for garbage in found:
                    if not dry_run:
                        self._removed(garbage)
                    yield garbage

    @asynccontextmanager
    async def regularly(self, interval: float) -> AsyncIterator[None]:
        """Collect every `interval` seconds until the block ends; never when it is 0."""
        task = asyncio.create_task(self._collect_regularly(interval)) if interval else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _expired(self, dry_run: bool) -> AsyncIterator[Garbage]:
        if not self._retention.temp:
            return
        before = self._clock() - self._retention.temp
        async for page in self._store.pages(FileKind.TEMP, recursive=True):
            old = [file for file in page if file.modified_at < before]
            kept = set(await self._references([file.blake3 for file in old if file.blake3]))
            for file in old:
                if file.blake3 not in kept and (dry_run or await self._expire(file, before)):
                    yield Garbage(GarbageKind.TEMP, str(file.name), file.size)

    async def _expire(self, file: FileInfo, before: float) -> bool:
        try:
            await self._store.expire(file.name, before)
        except (NotFound, Aborted):
            return False
        return True

    async def _collect_regularly(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            try:
                await self._collect_and_tell()
            except ServiceError as error:
                log.warning("garbage is not collected now: %s", error)

    async def _collect_and_tell(self) -> None:
        counts: Counter[GarbageKind] = Counter()
        size = 0
        async for garbage in self.collect():
            counts[garbage.kind] += 1
            size += garbage.size
        if counts:
            found = ", ".join(f"{count} times {kind.value}" for kind, count in counts.items())
            log.info("removed %s: %d bytes", found, size)
