"""What the file service tells of what it holds and removes."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from services.files.metrics import FileMetrics
from services.files.records import FileKind, FileName, OnConflict
from services.files.retention.collector import Collector
from services.files.retention.records import GarbageKind, Retention
from services.files.stores.memory import MemoryStore
from tests.contract.files.operations import put
from tests.queue.watching import eventually


async def test_files_are_counted_by_kind() -> None:
    registry = CollectorRegistry()
    metrics = FileMetrics(registry)
    async with MemoryStore() as store:
        for number in range(3):
            await put(store, FileName(FileKind.OUTPUT, "a/b", f"{number}.png"), bytes(10), OnConflict.FAIL)
        await put(store, FileName(FileKind.INPUT, "", "x.png"), bytes(5), OnConflict.FAIL)

        async def has_counted() -> bool:
            return bool(registry.get_sample_value("silverprint_files_count_seconds"))

        async with metrics.counting(store):
            await eventually(has_counted)
    for kind, count, size in (("output", 3, 30), ("input", 1, 5), ("temp", 0, 0)):
        assert registry.get_sample_value("silverprint_files_stored", {"kind": kind}) == count
        assert registry.get_sample_value("silverprint_files_stored_bytes", {"kind": kind}) == size


async def test_what_is_removed_is_counted_and_what_would_be_is_not() -> None:
    registry = CollectorRegistry()
    metrics = FileMetrics(registry)
    of_temp = {"kind": GarbageKind.TEMP.value}
    async with MemoryStore() as store:
        await put(store, FileName(FileKind.TEMP, "", "x.png"), bytes(7), OnConflict.FAIL)
        collector = Collector(store, Retention(temp=1.0), clock=lambda: 1e12, removed=metrics.removed)
        for is_dry, count in ((True, 0), (False, 1), (False, 1)):
            _ = [garbage async for garbage in collector.collect(dry_run=is_dry)]
            assert registry.get_sample_value("silverprint_files_garbage_removed_total", of_temp) == count
            assert registry.get_sample_value("silverprint_files_garbage_freed_bytes_total", of_temp) == 7 * count
