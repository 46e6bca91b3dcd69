"""What every file store does when a content gets one more name."""

from __future__ import annotations

import pytest
from blake3 import blake3

from services.errors import AlreadyExists, InvalidArgument, NotFound
from services.files.chunks import CHUNK_BYTES
from services.files.records import FileKind, FileName, OnConflict
from services.files.stores.base import FileStore
from tests.contract.files.operations import MODEL, WEIGHTS, get, output, paths, put

CAT = FileName(FileKind.INPUT, "pets", "cat.png")


@pytest.mark.parametrize("size", [0, 1, 3 * CHUNK_BYTES + 7])
@pytest.mark.parametrize("by_digest", [False, True])
async def test_a_copy_has_the_content_and_its_own_name(store: FileStore, size: int, by_digest: bool) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    written = await put(store, output("a"), content)
    assert written.blake3
    copied = await store.copy(written.blake3 if by_digest else written.name, CAT, OnConflict.FAIL)
    assert (copied.name, copied.size, copied.blake3) == (CAT, size, written.blake3)
    assert copied == await store.stat(CAT)
    assert await get(store, CAT) == content


async def test_what_happens_to_one_name_does_not_concern_the_other(store: FileStore) -> None:
    await put(store, output("a"), b"same")
    copied = await store.copy(output("a"), output("b"), OnConflict.FAIL)
    await put(store, output("a"), b"else", OnConflict.OVERWRITE)
    assert await get(store, output("b")) == b"same"
    await store.delete(output("a"))
    assert copied.blake3
    assert await get(store, copied.blake3) == b"same"


async def test_a_copy_may_be_numbered_or_renamed(store: FileStore) -> None:
    await put(store, output("a.png"), b"one")
    await put(store, output("b.png"), b"two")
    named = [
        (await store.copy(output("b.png"), output("a.png"), OnConflict.RENAME)).name.filename,
        (await store.copy(output("a.png"), output("a.png"), OnConflict.RENAME)).name.filename,
        (await store.copy(output("a.png"), output("p"), OnConflict.NUMBER, numbered_extension=".png")).name.filename,
    ]
    assert named == ["a (1).png", "a.png", "p_00001_.png"]
    assert await get(store, output("a (1).png")) == b"two"


async def test_a_copy_onto_itself_changes_nothing(store: FileStore) -> None:
    await put(store, output("a"), b"same")
    await store.copy(output("a"), output("a"), OnConflict.OVERWRITE)
    assert await get(store, output("a")) == b"same"


async def test_a_model_is_copied_from_and_not_to(store: FileStore) -> None:
    copied = await store.copy(MODEL, output("weights"), OnConflict.FAIL)
    assert copied.blake3 == blake3(WEIGHTS).hexdigest()
    with pytest.raises(InvalidArgument, match="read-only"):
        await store.copy(output("weights"), MODEL, OnConflict.OVERWRITE)


async def test_a_taken_name_is_refused(store: FileStore) -> None:
    for path in ("a", "b"):
        await put(store, output(path), path.encode())
    with pytest.raises(AlreadyExists, match="output/b exists"):
        await store.copy(output("a"), output("b"), OnConflict.FAIL)
    assert await get(store, output("b")) == b"b"


async def test_what_is_not_there_is_not_copied(store: FileStore) -> None:
    for source in (output("no"), "0" * 64):
        with pytest.raises(NotFound):
            await store.copy(source, output("a"), OnConflict.FAIL)
    assert await paths(store) == []


async def test_what_is_no_name_is_refused(store: FileStore) -> None:
    await put(store, output("a"))
    for source in (FileName(FileKind.OUTPUT, "..", "a"), "no digest"):
        with pytest.raises(InvalidArgument):
            await store.copy(source, output("b"), OnConflict.FAIL)
    for target in (FileName(FileKind.OUTPUT, "..", "b"), FileName(FileKind.OUTPUT, "a", "b")):
        with pytest.raises(InvalidArgument):
            await store.copy(output("a"), target, OnConflict.FAIL)
