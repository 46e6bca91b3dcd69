"""What every file store does with contents: keeps them whole, finds them, refuses what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from blake3 import blake3

from services.errors import DataLoss, InvalidArgument, NotFound, OutOfRange, ServiceError
from services.files.chunks import CHUNK_BYTES, one_chunk
from services.files.records import FileKind, FileName, OnConflict
from services.files.stores.base import FileStore
from tests.contract.files.operations import MODEL, WEIGHTS, get, output, paths, put

SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 7]


@pytest.mark.parametrize("size", SIZES)
async def test_what_was_written_is_read(store: FileStore, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]

    written = await put(store, output("a/b.bin"), content)

    assert written.name == output("a/b.bin")
    assert (written.size, written.blake3) == (size, blake3(content).hexdigest())
    assert written == await store.stat(output("a/b.bin"))
    assert await get(store, written.name) == content
    assert await get(store, blake3(content).hexdigest()) == content


async def test_chunks_of_any_size_make_one_content(store: FileStore) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for size in (1, 0, CHUNK_BYTES, 5, 3 * CHUNK_BYTES, 70_000):
            yield bytes([size % 251]) * size

    written = await store.write(output("a.bin"), chunks(), OnConflict.FAIL)
    assert await get(store, written.name) == b"".join([chunk async for chunk in chunks()])


async def test_an_open_file_says_what_it_is_and_comes_in_chunks(store: FileStore) -> None:
    written = await put(store, output("a.bin"), bytes(2 * CHUNK_BYTES + 1))
    async with store.open(written.name) as file:
        assert file.info == written
        assert [len(chunk) async for chunk in file] == [CHUNK_BYTES, CHUNK_BYTES, 1]


async def test_a_reader_that_leaves_early_harms_nobody(store: FileStore) -> None:
    written = await put(store, output("a.bin"), bytes(20 * CHUNK_BYTES))
    async with store.open(written.name) as file:
        await anext(aiter(file))
    assert len(await get(store, written.name)) == 20 * CHUNK_BYTES


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, 4, b"0123"), (3, 4, b"3456"), (7, 0, b"789"), (7, 100, b"789"), (10, 0, b""), (10, 5, b"")],
)
async def test_a_part_of_a_file_can_be_read(store: FileStore, offset: int, length: int, expected: bytes) -> None:
    written = await put(store, output("digits"), b"0123456789")
    assert await get(store, written.name, offset, length) == expected
    assert written.blake3
    assert await get(store, written.blake3, offset, length) == expected


@pytest.mark.parametrize(
    ("offset", "length", "error"),
    [(11, 0, OutOfRange), (-1, 0, InvalidArgument), (0, -1, InvalidArgument), (1 << 70, 0, ServiceError)],
)
async def test_a_part_outside_of_the_file_is_refused(
    store: FileStore, offset: int, length: int, error: type[ServiceError]
) -> None:
    await put(store, output("digits"), b"0123456789")
    with pytest.raises(error):
        await get(store, output("digits"), offset, length)


async def test_what_is_not_there_is_not_found(store: FileStore) -> None:
    for attempt in (store.stat(output("no")), store.delete(output("no/no")), get(store, output("no"))):
        with pytest.raises(NotFound, match="there is no output/no"):
            await attempt
    with pytest.raises(NotFound):
        await get(store, "0" * 64)


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "../" * 20, "\ud800"])
async def test_what_is_no_digest_is_refused(store: FileStore, digest: str) -> None:
    with pytest.raises(InvalidArgument):
        await get(store, digest)


@pytest.mark.parametrize(
    ("subfolder", "filename"),
    [("..", "a"), ("", ".."), ("/etc", "passwd"), ("", "a/b"), ("a//b", "c"), ("", ""), ("", "a\x00"), ("\ud800", "a")],
)
async def test_no_operation_takes_a_name_that_is_none(store: FileStore, subfolder: str, filename: str) -> None:
    name = FileName(FileKind.OUTPUT, subfolder, filename)
    attempts = [store.stat(name), store.stat(name, digest=True), store.delete(name), get(store, name)]
    attempts += [put(store, name, on_conflict=policy) for policy in OnConflict if policy is not OnConflict.NUMBER]
    attempts += [put(store, FileName(FileKind.OUTPUT, "..", "a"), on_conflict=OnConflict.NUMBER)]
    for attempt in attempts:
        with pytest.raises(InvalidArgument):
            await attempt


@pytest.mark.parametrize("on_conflict", OnConflict)
async def test_a_content_that_breaks_off_leaves_nothing(store: FileStore, on_conflict: OnConflict) -> None:
    class Broken(Exception):
        pass

    async def chunks() -> AsyncIterator[bytes]:
        yield bytes(CHUNK_BYTES)
        yield bytes(CHUNK_BYTES)
        raise Broken

    with pytest.raises(Broken):
        await store.write(output("a"), chunks(), on_conflict)
    assert await paths(store) == []


async def test_a_write_that_is_cancelled_leaves_nothing(store: FileStore) -> None:
    stuck = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(CHUNK_BYTES)
        stuck.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(store.write(output("a"), chunks(), OnConflict.FAIL))
    await stuck.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert await paths(store) == []
    assert (await put(store, output("a"), b"whole")).size == 5


@pytest.mark.parametrize("size", [4, 6, 0])
async def test_a_wrong_size_is_refused(store: FileStore, size: int) -> None:
    with pytest.raises(DataLoss):
        await store.write(output("a"), one_chunk(b"01234"), OnConflict.FAIL, expected_size=size)
    assert await paths(store) == []


async def test_a_wrong_digest_is_refused_and_what_was_there_stays(store: FileStore) -> None:
    await put(store, output("a"), b"old")
    with pytest.raises(DataLoss):
        await store.write(output("a"), one_chunk(b"new"), OnConflict.OVERWRITE, expected_blake3="0" * 64)
    assert await get(store, output("a")) == b"old"


async def test_a_promise_that_is_kept_is_accepted(store: FileStore) -> None:
    content = b"promised"
    for size in (None, len(content)):
        info = await store.write(
            output("a"),
            one_chunk(content),
            OnConflict.OVERWRITE,
            expected_blake3=blake3(content).hexdigest(),
            expected_size=size,
        )
        assert info.size == len(content)


async def test_models_can_be_read_and_not_changed(store: FileStore) -> None:
    assert await get(store, MODEL) == WEIGHTS
    assert await paths(store, FileKind.MODELS) == [MODEL.path]
    assert await paths(store, FileKind.MODELS, "checkpoints") == [MODEL.path]
    for attempt in (store.delete(MODEL), *(put(store, MODEL, on_conflict=policy) for policy in OnConflict)):
        with pytest.raises(InvalidArgument, match="read-only"):
            await attempt
    with pytest.raises(InvalidArgument, match="model folder"):
        await store.stat(FileName(FileKind.MODELS, "", "a.safetensors"))


async def test_a_digest_is_computed_on_demand_and_then_found(store: FileStore) -> None:
    digest = blake3(WEIGHTS).hexdigest()
    assert (await store.stat(MODEL, digest=True)).blake3 == digest
    assert (await store.stat(MODEL)).blake3 == digest
    assert await get(store, digest) == WEIGHTS


async def test_a_deleted_name_is_gone_and_another_of_the_same_content_stays(store: FileStore) -> None:
    digest = (await put(store, output("a"), b"same")).blake3
    await put(store, output("b"), b"same")
    assert digest

    await store.delete(output("a"))
    with pytest.raises(NotFound):
        await store.stat(output("a"))
    assert await get(store, digest) == b"same"

    await store.delete(output("b"))
    with pytest.raises(NotFound):
        await get(store, digest)
