"""What every store that keeps files does with those that grow old, and with whose they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection

import pytest
from blake3 import blake3

from services.errors import AlreadyExists, NotFound, ResourceExhausted
from services.files.chunks import CHUNK_BYTES, one_chunk
from services.files.records import FileKind, FileName, OnConflict, Target
from services.files.retention.collector import Collector
from services.files.retention.limited_store import LimitedStore
from services.files.retention.records import Garbage, GarbageKind, Retention, no_references
from services.files.stores.keeping import KeepingStore
from tests.contract.files.conftest import Ground
from tests.contract.files.operations import get, output, paths, put

TEMP = FileName(FileKind.TEMP, "folder", "preview.png")
DAY = 24 * 3600.0


async def collected(
    ground: Ground, store: KeepingStore, *, dry_run: bool = False, temp: float = DAY, kept: Collection[str] = ()
) -> list[Garbage]:
    async def references(digests: Collection[str]) -> Collection[str]:
        return set(digests) & set(kept)

    collector = Collector(store, Retention(temp=temp), references, ground.clock)
    return [garbage async for garbage in collector.collect(dry_run=dry_run)]


async def test_temp_files_go_when_they_are_old_enough_and_others_stay(ground: Ground, keeping: KeepingStore) -> None:
    await put(keeping, TEMP, b"preview")
    await put(keeping, output("a"), b"kept")
    ground.passed = DAY - 60
    assert await collected(ground, keeping) == []
    ground.passed = DAY + 60
    would_go = await collected(ground, keeping, dry_run=True)
    assert Garbage(GarbageKind.TEMP, str(TEMP), 7) in would_go
    assert await get(keeping, TEMP) == b"preview"
    assert Garbage(GarbageKind.TEMP, str(TEMP), 7) in await collected(ground, keeping)
    with pytest.raises(NotFound):
        await keeping.stat(TEMP)
    assert await get(keeping, output("a")) == b"kept"
    ground.passed *= 3
    await collected(ground, keeping)
    assert await collected(ground, keeping) == []
    assert await get(keeping, output("a")) == b"kept"


async def test_temp_files_stay_for_ever_when_that_is_asked_for_and_while_they_are_referenced(
    ground: Ground, keeping: KeepingStore
) -> None:
    digest = (await put(keeping, TEMP, b"preview")).blake3
    assert digest
    ground.passed = 100 * DAY
    assert await collected(ground, keeping, temp=0) == []
    assert await collected(ground, keeping, kept=[digest]) == []
    assert await get(keeping, TEMP) == b"preview"


async def test_a_content_that_has_one_name_left_is_never_garbage(ground: Ground, keeping: KeepingStore) -> None:
    for path in ("a", "b"):
        await put(keeping, output(path), b"same")
    await keeping.copy(output("a"), TEMP, OnConflict.FAIL)
    await keeping.delete(output("a"))
    await keeping.move(output("b"), output("moved"), OnConflict.FAIL)
    ground.passed = 3 * DAY
    await collected(ground, keeping)
    assert await paths(keeping) == ["moved"]
    assert await get(keeping, output("moved")) == b"same"


async def test_what_was_collected_can_be_written_again(ground: Ground, keeping: KeepingStore) -> None:
    await put(keeping, output("a"), b"content")
    await keeping.delete(output("a"))
    ground.passed = 3 * DAY
    await collected(ground, keeping)
    await put(keeping, output("a"), b"content")
    await collected(ground, keeping)
    assert await get(keeping, output("a")) == b"content"


async def test_the_usage_of_an_owner_follows_their_files(keeping: KeepingStore) -> None:
    async def usage() -> int:
        return await keeping.usage("ann")

    async def save(path: str, content: bytes, owner: str, policy: OnConflict = OnConflict.FAIL) -> None:
        await keeping.write(output(path), one_chunk(content), policy, owner=owner)

    assert await usage() == 0
    await save("a", bytes(100), "ann")
    await save("b", bytes(7), "ann")
    await save("c", bytes(1_000), "bob")
    await save("d", bytes(1_000), "")
    assert (await usage(), await keeping.usage("bob")) == (107, 1_000)
    assert await keeping.usage("ann", without=output("a")) == 7
    assert await keeping.usage("ann", without=output("c")) == await keeping.usage("ann", without=output("no")) == 107
    await save("a", bytes(50), "ann", OnConflict.OVERWRITE)
    assert await usage() == 57
    await keeping.copy(output("c"), output("copy"), OnConflict.FAIL, owner="ann")
    assert await usage() == 1_057
    await keeping.move(output("copy"), output("d"), OnConflict.OVERWRITE)
    assert await usage() == 1_057
    await save("d", bytes(3), "bob", OnConflict.OVERWRITE)
    await keeping.delete(output("b"))
    assert (await usage(), await keeping.usage("bob")) == (50, 1_003)
    await save("a", bytes(50), "ann", OnConflict.RENAME)
    with pytest.raises(AlreadyExists):
        await save("a", bytes(9), "ann")
    assert await usage() == 50


async def test_nobody_gets_more_than_their_quota(keeping: KeepingStore) -> None:
    store = LimitedStore(keeping, 1_000)
    await store.write(output("a"), one_chunk(bytes(900)), OnConflict.FAIL, owner="ann")
    refusal = "ann uses 900 bytes of a quota of 1000, 101 more do not fit"
    for attempt in (
        store.write(output("b"), one_chunk(bytes(101)), OnConflict.FAIL, owner="ann"),
        store.write(output("b"), one_chunk(bytes(101)), OnConflict.FAIL, owner="ann", expected_size=101),
        store.begin_upload(Target(output("b"), OnConflict.FAIL, expected_size=101, owner="ann")),
    ):
        with pytest.raises(ResourceExhausted, match=refusal):
            await attempt
    with pytest.raises(ResourceExhausted):
        await store.copy(output("a"), output("b"), OnConflict.FAIL, owner="ann")
    assert await paths(store) == ["a"]
    await store.write(output("b"), one_chunk(bytes(100)), OnConflict.FAIL, owner="ann")
    await store.write(output("a"), one_chunk(bytes(900)), OnConflict.OVERWRITE, owner="ann")
    await store.write(output("c"), one_chunk(bytes(1_000)), OnConflict.FAIL, owner="bob")
    await store.write(output("d"), one_chunk(bytes(2_000)), OnConflict.FAIL)
    await store.delete(output("a"))
    await store.copy(output("d"), output("e"), OnConflict.FAIL)
    assert await keeping.usage("ann") == 100


async def test_an_upload_counts_when_it_is_appended_to_and_committed(keeping: KeepingStore) -> None:
    store = LimitedStore(keeping, 1_000)
    uploads = [await store.begin_upload(Target(output(path), OnConflict.FAIL, owner="ann")) for path in "ab"]
    for upload in uploads:
        await store.append_upload(upload.upload_id, 0, one_chunk(bytes(600)))
    with pytest.raises(ResourceExhausted):
        await store.append_upload(uploads[0].upload_id, 600, one_chunk(bytes(401)))
    committed = await store.commit_upload(uploads[0].upload_id, 600)
    assert await store.commit_upload(uploads[0].upload_id, 600) == committed
    with pytest.raises(ResourceExhausted, match="600 more do not fit"):
        await store.commit_upload(uploads[1].upload_id, 600)
    await store.delete(output("a"))
    await store.commit_upload(uploads[1].upload_id, 600)
    assert await keeping.usage("ann") == 600


async def test_of_many_who_save_at_once_only_as_many_succeed_as_fit(keeping: KeepingStore) -> None:
    store = LimitedStore(keeping, 1_000)

    async def save(number: int) -> bool:
        try:
            await store.write(output(f"{number}"), one_chunk(bytes([number]) * 200), OnConflict.FAIL, owner="ann")
        except ResourceExhausted:
            return False
        return True

    assert sum(await asyncio.gather(*map(save, range(10)))) == 5
    assert await keeping.usage("ann") == 1_000


async def test_a_write_that_does_not_say_how_long_it_is_ends_at_the_quota(keeping: KeepingStore) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield bytes(CHUNK_BYTES)

    store = LimitedStore(keeping, 3 * CHUNK_BYTES)
    with pytest.raises(ResourceExhausted):
        await store.write(output("a"), endless(), OnConflict.FAIL, owner="ann")
    assert sent == 4
    assert await paths(store) == []


async def test_references_are_asked_for_digests(ground: Ground, keeping: KeepingStore) -> None:
    await put(keeping, output("a"), b"content")
    await keeping.delete(output("a"))
    ground.passed = 3 * DAY
    digest = blake3(b"content").hexdigest()
    before = await collected(ground, keeping, dry_run=True, kept=[digest])
    assert not [garbage for garbage in before if garbage.kind is GarbageKind.CONTENT]
    assert await no_references([digest]) == ()
