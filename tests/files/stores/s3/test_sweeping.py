"""What is garbage in a bucket, and what only looks like it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from services.errors import NotFound
from services.files.chunks import CHUNK_BYTES, one_chunk
from services.files.records import FileKind, OnConflict, Target
from services.files.retention.records import Garbage, GarbageKind, Retention, no_references
from services.files.stores.names.sqlite import SqliteNames
from services.files.stores.s3.bucket import Bucket
from services.files.stores.s3.location import Location
from services.files.stores.s3.store import S3Store
from services.files.stores.s3.sweeping import Sweep
from services.files.stores.s3.transfer import PART_BYTES
from tests.contract.files.operations import get, output, put

HOUR = 3600.0
DAY = 24 * HOUR


class Later:
    """A clock that is ahead."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Later:
    return Later()


@pytest.fixture
async def bucket(location: Location) -> AsyncIterator[Bucket]:
    """The bucket, beside the store."""
    async with Bucket(location) as bucket:
        yield bucket


@pytest.fixture
async def store(location: Location, names: SqliteNames, clock: Later) -> AsyncIterator[S3Store]:
    async with S3Store(Bucket(location), names, Retention(grace=HOUR), clock) as store:
        yield store


async def swept(store: S3Store, *, dry_run: bool = False) -> list[tuple[GarbageKind, str]]:
    return [(garbage.kind, garbage.path) async for garbage in store.sweep(dry_run=dry_run)]


async def objects(bucket: Bucket) -> list[str]:
    found = [found.path for folder in ("blobs", "uploads") async for page in bucket.list(folder) for found in page]
    return found + [f"unfinished {upload.path}" async for upload in bucket.multipart.unfinished("blobs/")]


async def film(store: S3Store, reached: asyncio.Event) -> None:
    """A large write that never ends."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(2 * PART_BYTES // CHUNK_BYTES + 2):
            yield bytes(CHUNK_BYTES)
        reached.set()
        await asyncio.Event().wait()

    await store.write(output("film"), chunks(), OnConflict.FAIL)


async def test_what_a_crash_leaves_goes_after_a_while_and_not_before(
    store: S3Store, bucket: Bucket, clock: Later
) -> None:
    await put(store, output("kept"), b"kept")
    (kept,) = await objects(bucket)
    await bucket.put("blobs/ab/abandoned", b"12345")
    await bucket.put("uploads/" + "0" * 32 + "/tail", b"123")
    await bucket.multipart.begin("blobs/streamed/nobody")
    # Whoever makes an object in parts has said so before: this one can be nobody's.
    assert await swept(store) == [(GarbageKind.UPLOAD, "blobs/streamed/nobody")]
    clock.ahead = HOUR + 60
    expected = [(GarbageKind.LEFTOVER, "blobs/ab/abandoned"), (GarbageKind.LEFTOVER, f"uploads/{'0' * 32}/tail")]
    assert await swept(store, dry_run=True) == expected
    assert len(await objects(bucket)) == 3
    assert await swept(store) == expected
    assert await objects(bucket) == [kept]
    assert await swept(store) == []


async def test_a_content_goes_with_its_last_name_after_a_while(store: S3Store, bucket: Bucket, clock: Later) -> None:
    await put(store, output("a"), b"content")
    await put(store, output("b"), b"content")
    (path,) = await objects(bucket)
    await store.delete(output("a"))
    await put(store, output("b"), b"else", OnConflict.OVERWRITE)
    assert await swept(store) == []
    clock.ahead = HOUR + 60
    assert [found async for found in store.sweep()] == [Garbage(GarbageKind.CONTENT, path, 7)]
    assert path not in await objects(bucket)
    assert await get(store, output("b")) == b"else"


async def test_a_write_under_way_is_no_garbage_and_one_that_was_killed_is(
    store: S3Store, bucket: Bucket, clock: Later
) -> None:
    reached = asyncio.Event()
    writing = asyncio.create_task(film(store, reached))
    await reached.wait()
    clock.ahead = HOUR + 60
    assert await swept(store) == []
    (unfinished,) = await objects(bucket)
    # As if its process had been killed: nobody says any more that it goes on.
    clock.ahead = DAY + 60
    path = unfinished.removeprefix("unfinished ")
    assert await swept(store) == [(GarbageKind.UPLOAD, path)] * 2
    assert await objects(bucket) == []
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
    assert await store.list(FileKind.OUTPUT) == ([], "")


async def test_an_upload_is_no_garbage_until_it_is_forgotten(store: S3Store, bucket: Bucket, clock: Later) -> None:
    upload = await store.begin_upload(Target(output("a"), OnConflict.FAIL))
    await store.append_upload(upload.upload_id, 0, one_chunk(bytes(PART_BYTES + 5)))
    clock.ahead = DAY - 60
    assert await swept(store) == []
    clock.ahead = DAY + 60
    assert len(await swept(store)) == 3
    assert await objects(bucket) == []
    with pytest.raises(NotFound):
        await store.get_upload(upload.upload_id)


async def test_a_content_that_gets_a_name_while_it_is_swept_is_kept(
    store: S3Store, bucket: Bucket, names: SqliteNames
) -> None:
    """Sweeps without any time of grace, against savers who write, copy and delete the same two contents."""
    swept: list[Garbage] = []
    saving = [True] * 4

    async def save(saver: int) -> None:
        name, copy = output(f"{saver}"), output(f"copy of {saver}")
        while len(swept) < 5:
            await put(store, name, b"%d" % (saver % 2), OnConflict.OVERWRITE)
            await store.copy(name, copy, OnConflict.OVERWRITE)
            await store.delete(name)
            await store.delete(copy)
            await asyncio.sleep(0.01)  # so that now and then nobody has a name for it
        await put(store, name, b"%d" % (saver % 2))
        saving[saver] = False

    async def sweep() -> None:
        while any(saving):
            contents = Sweep(bucket, names, no_references, time.time() + 1, 0.0, dry_run=False).contents()
            swept.extend([garbage async for garbage in contents])

    await asyncio.gather(sweep(), *map(save, range(4)))
    files, _ = await store.list(FileKind.OUTPUT)
    assert [await get(store, file.name) for file in files] == [b"0", b"1", b"0", b"1"]
