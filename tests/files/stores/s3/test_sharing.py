"""Several file services on one bucket, their names in one PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from blake3 import blake3

from services.errors import Aborted, AlreadyExists, FailedPrecondition, InvalidArgument
from services.files.chunks import one_chunk
from services.files.records import FileKind, OnConflict, Target
from services.files.stores.names.postgres import PostgresNames
from services.files.stores.names.sqlite import SqliteNames
from services.files.stores.s3.bucket import Bucket
from services.files.stores.s3.location import Location
from services.files.stores.s3.store import S3Store
from services.files.stores.s3.transfer import PART_BYTES
from tests.contract.files.operations import get, output, paths, put
from tests.postgres import PostgresServer

Pair = tuple[S3Store, S3Store]


@pytest.fixture
async def pair(location: Location, postgres: PostgresServer) -> AsyncIterator[Pair]:
    async with postgres.database() as url, AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(S3Store(Bucket(location), PostgresNames(url, quota=1_000_000_000)))
            for _ in range(2)
        ]
        yield first, second


async def test_what_one_writes_the_other_reads(pair: Pair) -> None:
    first, second = pair
    written = await put(first, output("folder/a"), b"content")
    assert await second.stat(written.name) == written
    assert await get(second, written.name) == b"content"
    await second.move(written.name, output("b"), OnConflict.FAIL)
    assert await paths(first) == ["b"]


async def test_savers_at_both_get_distinct_numbers_without_gaps(pair: Pair) -> None:
    async def save(saver: int) -> list[str]:
        named = []
        for picture in range(10):
            content = f"{saver} {picture}".encode()
            info = await put(pair[saver % 2], output("p"), content, OnConflict.NUMBER, numbered_extension=".png")
            named.append(info.name.filename)
        return named

    named = await asyncio.gather(*map(save, range(6)))
    assert sorted(sum(named, [])) == [f"p_{number:05}_.png" for number in range(1, 61)]


async def test_of_many_who_want_a_name_at_both_one_gets_it(pair: Pair) -> None:
    async def take(number: int) -> bool:
        try:
            await put(pair[number % 2], output("a"), b"%d" % number)
        except AlreadyExists:
            return False
        return True

    assert sum(await asyncio.gather(*map(take, range(10)))) == 1


async def test_a_name_is_never_a_file_and_a_folder(pair: Pair) -> None:
    async def take(number: int) -> None:
        path = "a/b/c" if number % 2 else "a/b" if number % 4 else "a"
        await put(pair[number // 2 % 2], output(path), b"%d" % number, OnConflict.OVERWRITE)

    results = await asyncio.gather(*map(take, range(12)), return_exceptions=True)
    assert all(result is None or isinstance(result, InvalidArgument) for result in results)
    assert len(await paths(pair[0])) == 1


async def test_of_many_who_replace_what_they_read_at_both_nobody_loses_a_change(pair: Pair) -> None:
    await put(pair[0], output("a"), b"")

    async def append(number: int) -> None:
        store = pair[number % 2]
        while True:
            before = await get(store, output("a"))
            digest = blake3(before).hexdigest()
            try:
                await put(store, output("a"), before + b"%d" % number, OnConflict.OVERWRITE, replaced_blake3=digest)
            except Aborted:
                continue
            return

    await asyncio.gather(*map(append, range(8)))
    assert sorted(await get(pair[0], output("a"))) == sorted(b"01234567")


async def test_an_upload_begun_at_one_goes_on_at_the_other(pair: Pair) -> None:
    first, second = pair
    content = bytes(range(256)) * ((PART_BYTES + 512) // 256)
    upload = await first.begin_upload(Target(output("a"), OnConflict.FAIL))
    upload = await first.append_upload(upload.upload_id, 0, one_chunk(content[:100]))
    upload = await second.append_upload(upload.upload_id, 100, one_chunk(content[100:-7]))
    upload = await first.append_upload(upload.upload_id, upload.offset, one_chunk(content[-7:]))
    info = await second.commit_upload(upload.upload_id, len(content), blake3=blake3(content).hexdigest())
    assert await first.commit_upload(upload.upload_id, len(content)) == info
    assert await get(first, output("a")) == content


async def test_contents_that_meet_are_kept_once(pair: Pair, location: Location) -> None:
    await asyncio.gather(*(put(pair[number % 2], output(f"{number}"), b"same") for number in range(8)))
    async with Bucket(location) as bucket:
        assert len([found async for page in bucket.list("blobs") for found in page]) == 1
    files, _ = await pair[1].list(FileKind.OUTPUT)
    assert len(files) == 8


async def test_a_bucket_of_another_database_is_refused(pair: Pair, location: Location, names: SqliteNames) -> None:
    with pytest.raises(FailedPrecondition, match="belongs to another database"):
        async with S3Store(Bucket(location), names):
            pass
