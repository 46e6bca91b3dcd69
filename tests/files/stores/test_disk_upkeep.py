"""What grows old in a data directory."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from services.files.chunks import one_chunk
from services.files.records import FileKind, FileName, OnConflict
from services.files.retention.collector import Collector
from services.files.retention.records import Garbage, GarbageKind, Retention
from services.files.stores.disk import DiskStore
from services.files.stores.memory import MemoryStore

DAY = 24 * 3600.0

A = FileName(FileKind.OUTPUT, "folder", "a")
B = FileName(FileKind.OUTPUT, "", "b")
MODEL = FileName(FileKind.MODELS, "loras", "m.safetensors")


async def swept(store: DiskStore, *, dry_run: bool = False) -> list[Garbage]:
    return [garbage async for garbage in store.sweep(dry_run=dry_run)]


async def test_a_leftover_goes_when_it_is_old_and_not_before(tmp_path: Path) -> None:
    async with DiskStore(tmp_path) as store:
        old, new = [tmp_path / ".incoming" / name for name in ("old", "new")]
        for path in (old, new):
            path.write_bytes(b"12345")
        long_ago = time.time() - DAY - 60
        os.utime(old, (long_ago, long_ago))
        expected = [Garbage(GarbageKind.LEFTOVER, ".incoming/old", 5)]
        assert await swept(store, dry_run=True) == expected
        assert old.exists()
        assert await swept(store) == expected
        assert [path.name for path in (tmp_path / ".incoming").iterdir()] == ["new"]


async def test_what_is_known_about_files_that_are_gone_goes(tmp_path: Path) -> None:
    models = tmp_path / "models"
    (models / "loras").mkdir(parents=True)
    (models / MODEL.path).write_bytes(b"weights")
    async with DiskStore(tmp_path / "data", (models,)) as store:
        for name in (A, B):
            await store.write(name, one_chunk(b"12345"), OnConflict.FAIL, owner="ann")
        await store.stat(MODEL, digest=True)
        (tmp_path / "data" / str(A)).unlink()
        (models / MODEL.path).unlink()  # as when its disk is away
        assert await store.usage("ann") == 10
        assert await swept(store, dry_run=True) == await swept(store) == [Garbage(GarbageKind.INDEX, str(A), 0)]
        assert await swept(store) == []
        assert await store.usage("ann") == 5
        assert (await store.stat(B)).blake3


async def test_owners_are_remembered_by_the_next_service(tmp_path: Path) -> None:
    async with DiskStore(tmp_path) as store:
        await store.write(A, one_chunk(b"12345"), OnConflict.FAIL, owner="ann")
    async with DiskStore(tmp_path) as store:
        assert await store.usage("ann") == 5
        await store.delete(A)
        assert await store.usage("ann") == 0


class WatchedStore(MemoryStore):
    """Says when it has removed a file that grew old."""

    def __init__(self) -> None:
        super().__init__()
        self.expired = asyncio.Event()

    async def expire(self, name: FileName, before: float) -> None:
        await super().expire(name, before)
        self.expired.set()


async def test_garbage_is_collected_now_and_then() -> None:
    async with WatchedStore() as store:
        await store.write(FileName(FileKind.TEMP, "", "preview"), one_chunk(b"x"), OnConflict.FAIL)
        collector = Collector(store, Retention(temp=DAY), clock=lambda: time.time() + 2 * DAY)
        async with collector.regularly(0.01), asyncio.timeout(30):
            await store.expired.wait()
        assert await store.list(FileKind.TEMP) == ([], "")
