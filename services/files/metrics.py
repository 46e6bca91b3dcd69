"""What the file service holds and removes, counted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.errors import ServiceError
from services.files.records import FileKind
from services.files.retention.records import Garbage, GarbageKind
from services.files.stores.base import FileStore

log = logging.getLogger(__name__)

#: Seconds between counts of all files, and the most of the time that counting may take.
COUNT_INTERVAL = 600.0
COUNT_SHARE = 0.01


class FileMetrics:
    """Gauges and counters of one file service."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._bytes = Gauge(
            "silverprint_files_stored_bytes", "What the files of a kind hold.", ["kind"], registry=registry
        )
        self._count = Gauge("silverprint_files_stored", "Files of a kind.", ["kind"], registry=registry)
        self._counted = Gauge(
            "silverprint_files_count_seconds", "Time that counting all files took the last time.", registry=registry
        )
        self._removed = Counter(
            "silverprint_files_garbage_removed_total",
            "What was removed because nobody needs it any more, by kind.",
            ["kind"],
            registry=registry,
        )
        self._freed = Counter(
            "silverprint_files_garbage_freed_bytes_total",
            "What removing it has freed, by kind.",
            ["kind"],
            registry=registry,
        )
        for kind in GarbageKind:  # told also while it has not happened
            self._removed.labels(kind.value)
            self._freed.labels(kind.value)

    def removed(self, garbage: Garbage) -> None:
        """Something was removed."""
        self._removed.labels(garbage.kind.value).inc()
        self._freed.labels(garbage.kind.value).inc(garbage.size)

    @asynccontextmanager
    async def counting(self, store: FileStore) -> AsyncIterator[None]:
        """Count the files of a store now and then, until the block ends."""
        task = asyncio.create_task(self._count_regularly(store))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _count_regularly(self, store: FileStore) -> None:
        while True:
            began = time.monotonic()
            try:
                for kind in FileKind:
                    await self._count_kind(store, kind)
            except ServiceError as error:
                log.warning("files cannot be counted now: %s", error)
            took = time.monotonic() - began
            self._counted.set(took)
            await asyncio.sleep(max(COUNT_INTERVAL, took / COUNT_SHARE))

    async def _count_kind(self, store: FileStore, kind: FileKind) -> None:
        count = size = 0
        async for page in store.pages(kind, recursive=True):
            count += len(page)
            size += sum(file.size for file in page)
        self._count.labels(kind.value).set(count)
        self._bytes.labels(kind.value).set(size)
