"""What every file store does when a file gets another name."""

from __future__ import annotations

import pytest

from services.errors import AlreadyExists, InvalidArgument, NotFound
from services.files.records import FileKind, FileName, OnConflict
from services.files.stores.base import FileStore
from tests.contract.files.operations import MODEL, get, output, paths, put


@pytest.mark.parametrize("policy", [OnConflict.FAIL, OnConflict.OVERWRITE])
async def test_a_file_that_is_moved_is_the_same_under_another_name(store: FileStore, policy: OnConflict) -> None:
    before = await put(store, output("folder/a"), b"content")
    moved = await store.move(output("folder/a"), output("other/deep/b"), policy)
    assert moved.name == output("other/deep/b")
    assert (moved.size, moved.blake3, moved.modified_at) == (before.size, before.blake3, before.modified_at)
    assert await store.stat(moved.name) == moved
    assert await get(store, moved.name) == await get(store, str(before.blake3)) == b"content"
    assert await paths(store) == ["other/deep/b"]


async def test_a_taken_name_is_refused_or_replaced(store: FileStore) -> None:
    await put(store, output("a"), b"a")
    await put(store, output("b"), b"b")
    with pytest.raises(AlreadyExists):
        await store.move(output("a"), output("b"), OnConflict.FAIL)
    assert await get(store, output("b")) == b"b"
    await store.move(output("a"), output("b"), OnConflict.OVERWRITE)
    assert await paths(store) == ["b"]
    assert await get(store, output("b")) == b"a"


async def test_a_file_that_is_moved_to_its_own_name_stays(store: FileStore) -> None:
    await put(store, output("a"), b"a")
    with pytest.raises(AlreadyExists):
        await store.move(output("a"), output("a"), OnConflict.FAIL)
    await store.move(output("a"), output("a"), OnConflict.OVERWRITE)
    assert await get(store, output("a")) == b"a"


async def test_what_is_not_there_is_not_moved(store: FileStore) -> None:
    await put(store, output("folder/a"))
    for source in ("nothing", "folder"):
        with pytest.raises(NotFound):
            await store.move(output(source), output("b"), OnConflict.FAIL)
    assert await paths(store) == ["folder/a"]


async def test_a_file_is_moved_neither_onto_a_folder_nor_below_a_file(store: FileStore) -> None:
    for name in ("a", "folder/b", "file"):
        await put(store, output(name))
    with pytest.raises(InvalidArgument, match="is a folder"):
        await store.move(output("a"), output("folder"), OnConflict.OVERWRITE)
    with pytest.raises(InvalidArgument, match="is a file"):
        await store.move(output("a"), output("file/below"), OnConflict.OVERWRITE)
    assert await paths(store) == ["a", "file", "folder/b"]


@pytest.mark.parametrize(
    ("source", "target", "policy"),
    [
        (output("a"), FileName(FileKind.INPUT, "", "a"), OnConflict.FAIL),
        (MODEL, FileName(FileKind.MODELS, "loras", "a"), OnConflict.FAIL),
        (output("a"), FileName(FileKind.OUTPUT, "..", "a"), OnConflict.FAIL),
        (output("a"), output("b"), OnConflict.RENAME),
        (output("a"), output("b"), OnConflict.NUMBER),
    ],
)
async def test_what_cannot_be_moved_is_refused(
    store: FileStore, source: FileName, target: FileName, policy: OnConflict
) -> None:
    await put(store, output("a"))
    with pytest.raises(InvalidArgument):
        await store.move(source, target, policy)
    assert await paths(store) == ["a"]
