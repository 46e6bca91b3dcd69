"""What every file store does with uploads that may be interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from blake3 import blake3

from services.errors import (
    Aborted,
    AlreadyExists,
    DataLoss,
    InvalidArgument,
    NotFound,
    OutOfRange,
    ResourceExhausted,
    ServiceError,
)
from services.files.chunks import CHUNK_BYTES, one_chunk
from services.files.records import FileKind, FileName, OnConflict, Target
from services.files.stores import base
from services.files.stores.base import FileStore
from tests.contract.files.operations import MODEL, get, output, paths, put

FILM = Target(output("folder/film"), OnConflict.FAIL)
NOBODY = "0" * 32


def digest(content: bytes) -> str:
    return blake3(content).hexdigest()


async def begun(store: FileStore, content: bytes = b"", target: Target = FILM) -> str:
    upload_id = (await store.begin_upload(target)).upload_id
    if content:
        await store.append_upload(upload_id, 0, one_chunk(content))
    return upload_id


async def arrived(store: FileStore, upload_id: str, size: int) -> None:
    for _ in range(1_000):
        if (await store.get_upload(upload_id)).offset == size:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{size} bytes never came")


async def test_an_upload_comes_in_parts_and_is_seen_when_it_is_committed(store: FileStore) -> None:
    parts = [b"a" * (2 * CHUNK_BYTES + 1), b"", b"b", b"c" * CHUNK_BYTES]
    content = b"".join(parts)
    upload = await store.begin_upload(FILM)
    assert upload.offset == 0
    for part in parts:
        upload = await store.append_upload(upload.upload_id, upload.offset, one_chunk(part))
        assert await store.get_upload(upload.upload_id) == upload
    assert upload.offset == len(content)
    assert await paths(store) == []

    info = await store.commit_upload(upload.upload_id, len(content), blake3=digest(content))
    assert (info.name, info.size, info.blake3) == (FILM.name, len(content), digest(content))
    assert await get(store, FILM.name) == await get(store, digest(content)) == content
    with pytest.raises(NotFound):
        await store.get_upload(upload.upload_id)


async def test_an_empty_upload_is_an_empty_file(store: FileStore) -> None:
    info = await store.commit_upload(await begun(store), 0)
    assert (info.size, info.blake3) == (0, digest(b""))


async def test_a_commit_that_is_repeated_has_the_same_answer(store: FileStore) -> None:
    target = Target(output("p"), OnConflict.NUMBER, ".png")
    upload_id = await begun(store, b"picture", target)
    first = await store.commit_upload(upload_id, 7)
    assert await store.commit_upload(upload_id, 7) == first
    assert await paths(store) == ["p_00001_.png"]


@pytest.mark.parametrize("offset", [0, 3, 5, 1 << 40])
async def test_a_wrong_offset_is_refused_and_the_right_one_named(store: FileStore, offset: int) -> None:
    upload_id = await begun(store, b"0123")
    with pytest.raises(OutOfRange, match="goes on at offset 4, not at"):
        await store.append_upload(upload_id, offset, one_chunk(b"x"))
    await store.append_upload(upload_id, 4, one_chunk(b"4"))
    await store.commit_upload(upload_id, 5, blake3=digest(b"01234"))


async def test_what_came_of_an_append_that_breaks_off_is_kept(store: FileStore) -> None:
    class Broken(Exception):
        pass

    async def chunks() -> AsyncIterator[bytes]:
        yield b"a" * CHUNK_BYTES
        yield b"b" * CHUNK_BYTES
        raise Broken

    content = b"a" * CHUNK_BYTES + b"b" * CHUNK_BYTES + b"c" * 9
    upload_id = await begun(store)
    with pytest.raises(Broken):
        await store.append_upload(upload_id, 0, chunks())
    # How much arrived before the break is not known: an empty append waits for what is under way, and says it.
    offset = (await store.get_upload(upload_id)).offset
    while offset < len(content):
        with suppress(OutOfRange):
            await store.append_upload(upload_id, offset, one_chunk(content[offset:]))
        offset = (await store.get_upload(upload_id)).offset
    await store.commit_upload(upload_id, len(content), blake3=digest(content))


async def test_a_later_append_takes_over_from_one_that_is_stuck(store: FileStore) -> None:
    came = asyncio.Event()
    go_on = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield bytes(CHUNK_BYTES)
        yield b""
        came.set()
        await go_on.wait()
        yield bytes(CHUNK_BYTES)

    upload_id = await begun(store)
    stuck = asyncio.create_task(store.append_upload(upload_id, 0, chunks()))
    await came.wait()
    await arrived(store, upload_id, CHUNK_BYTES)
    await store.append_upload(upload_id, CHUNK_BYTES, one_chunk(b"end"))
    go_on.set()
    with pytest.raises(Aborted, match="somebody else"):
        await stuck
    assert (await store.commit_upload(upload_id, CHUNK_BYTES + 3)).size == CHUNK_BYTES + 3


async def test_a_size_that_did_not_come_is_refused_and_the_upload_kept(store: FileStore) -> None:
    upload_id = await begun(store, b"0123")
    for size in (0, 3, 5):
        with pytest.raises(OutOfRange, match="offset 4"):
            await store.commit_upload(upload_id, size)
    assert (await store.commit_upload(upload_id, 4)).size == 4


async def test_a_wrong_digest_ends_an_upload(store: FileStore) -> None:
    promised = Target(FILM.name, OnConflict.FAIL, expected_blake3=digest(b"promised"))
    sized = Target(FILM.name, OnConflict.FAIL, expected_size=9)
    cases = [(FILM, digest(b"other")), (promised, None), (sized, None)]
    for target, wanted in cases:
        upload_id = await begun(store, b"0123", target)
        with pytest.raises(DataLoss):
            await store.commit_upload(upload_id, 4, blake3=wanted)
        with pytest.raises(NotFound):
            await store.commit_upload(upload_id, 4)
    assert await paths(store) == []


async def test_more_than_was_promised_is_refused(store: FileStore) -> None:
    upload_id = await begun(store, b"0123", Target(FILM.name, OnConflict.FAIL, expected_size=4))
    with pytest.raises(DataLoss, match="more than the 4 promised"):
        await store.append_upload(upload_id, 4, one_chunk(b"4"))
    assert (await store.commit_upload(upload_id, 4, blake3=digest(b"0123"))).size == 4


async def test_an_upload_that_is_aborted_is_gone(store: FileStore) -> None:
    upload_id = await begun(store, b"0123")
    await store.abort_upload(upload_id)
    attempts = [
        store.abort_upload(upload_id),
        store.get_upload(upload_id),
        store.append_upload(upload_id, 4, one_chunk(b"x")),
        store.commit_upload(upload_id, 4),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound, match=f"there is no upload {upload_id}"):
            await attempt


@pytest.mark.parametrize("upload_id", ["", "0" * 31, "A" * 32, "../" * 10 + "ab", "\ud800", "a" * 31 + "\n"])
async def test_what_is_no_upload_is_refused(store: FileStore, upload_id: str) -> None:
    attempts = [
        store.abort_upload(upload_id),
        store.get_upload(upload_id),
        store.append_upload(upload_id, 0, one_chunk(b"x")),
        store.commit_upload(upload_id, 0),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidArgument):
            await attempt


async def test_what_may_not_be_written_is_refused_at_the_beginning(store: FileStore) -> None:
    await put(store, FILM.name)
    with pytest.raises(AlreadyExists):
        await store.begin_upload(FILM)
    hostile = [MODEL, FileName(FileKind.INPUT, "..", "a"), FileName(FileKind.INPUT, "", "a\x00")]
    for name in hostile:
        with pytest.raises(InvalidArgument):
            await store.begin_upload(Target(name, OnConflict.OVERWRITE))
    for target in (Target(FILM.name, OnConflict.FAIL, ".png"), Target(FILM.name, OnConflict.FAIL, "", "no digest")):
        with pytest.raises(InvalidArgument):
            await store.begin_upload(target)


async def test_a_name_that_was_taken_meanwhile_is_refused_and_the_upload_kept(store: FileStore) -> None:
    upload_id = await begun(store, b"mine")
    await put(store, FILM.name, b"theirs")
    with pytest.raises(AlreadyExists):
        await store.commit_upload(upload_id, 4)
    assert await get(store, FILM.name) == b"theirs"
    await store.delete(FILM.name)
    assert (await store.commit_upload(upload_id, 4)).name == FILM.name


async def test_a_file_is_replaced_only_while_it_is_what_was_read(store: FileStore) -> None:
    await put(store, FILM.name, b"old")
    target = Target(FILM.name, OnConflict.OVERWRITE, replaced_blake3=digest(b"old"))
    first, second = [await begun(store, content, target) for content in (b"first", b"second")]
    await store.commit_upload(first, 5)
    with pytest.raises(Aborted):
        await store.commit_upload(second, 6)
    assert await get(store, FILM.name) == b"first"


async def test_uploads_with_one_name_get_the_names_that_writes_get(store: FileStore) -> None:
    named = []
    for policy, content in [
        (OnConflict.RENAME, b"1"),
        (OnConflict.RENAME, b"2"),
        (OnConflict.RENAME, b"1"),
        (OnConflict.OVERWRITE, b"3"),
    ]:
        upload_id = await begun(store, content, Target(output("a.png"), policy))
        named.append((await store.commit_upload(upload_id, 1)).name.filename)
    assert named == ["a.png", "a (1).png", "a.png", "a.png"]
    assert await get(store, output("a.png")) == b"3"


async def test_of_many_who_commit_at_once_all_have_one_answer(store: FileStore) -> None:
    upload_id = await begun(store, b"picture", Target(output("p"), OnConflict.NUMBER))
    answers = await asyncio.gather(*(store.commit_upload(upload_id, 7) for _ in range(8)))
    assert len({answer.name for answer in answers}) == 1
    assert await paths(store) == ["p_00001_"]


async def test_there_is_an_end_to_uploads(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAX_UPLOADS", 3)
    upload_ids = [await begun(store) for _ in range(3)]
    with pytest.raises(ResourceExhausted, match="3 uploads already"):
        await store.begin_upload(FILM)
    await store.abort_upload(upload_ids[0])
    await store.commit_upload(upload_ids[1], 0)
    await store.begin_upload(Target(output("b"), OnConflict.FAIL))


async def test_an_id_of_nobody_is_not_found(store: FileStore) -> None:
    with pytest.raises(ServiceError, match="there is no upload"):
        await store.get_upload(NOBODY)
