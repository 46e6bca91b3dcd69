"""How every file store lists."""

from __future__ import annotations

import pytest

from services.errors import InvalidArgument
from services.files.records import FileKind
from services.files.stores.base import FileStore
from tests.contract.files.operations import output, paths, put


@pytest.mark.parametrize("subfolder", ["..", "/", "a/..", "a/", "a\\b", "\ud800", "x" * 256])
async def test_no_listing_takes_a_folder_that_is_none(store: FileStore, subfolder: str) -> None:
    with pytest.raises(InvalidArgument):
        await store.list(FileKind.OUTPUT, subfolder)
    with pytest.raises(InvalidArgument):
        await store.list_folders(FileKind.OUTPUT, subfolder)


IN_ORDER = ["A", "b", "é", "a/x", "a/y", "a/b/x", "a b/x", "c/d/e/f"]


async def test_a_listing_is_ordered_by_folder_and_name(store: FileStore) -> None:
    written = {path: await put(store, output(path), path.encode()) for path in reversed(IN_ORDER)}
    assert await paths(store) == IN_ORDER
    assert await paths(store, subfolder="a") == ["a/x", "a/y", "a/b/x"]
    assert await paths(store, subfolder="nothing/here") == []
    top, token = await store.list(FileKind.OUTPUT)
    assert ([file.name.path for file in top], token) == (["A", "b", "é"], "")
    assert top == [written[path] for path in ("A", "b", "é")]


async def test_folders_are_listed_by_folder_and_name(store: FileStore) -> None:
    for path in reversed(IN_ORDER):
        await put(store, output(path))
    assert list(await store.list_folders(FileKind.OUTPUT)) == ["a", "a b", "c"]
    assert list(await store.list_folders(FileKind.OUTPUT, "a")) == ["b"]
    assert list(await store.list_folders(FileKind.OUTPUT, "c/d")) == ["e"]
    for empty in ("c/d/e", "A", "nothing/here"):
        assert list(await store.list_folders(FileKind.OUTPUT, empty)) == []
    assert list(await store.list_folders(FileKind.INPUT)) == []
    assert list(await store.list_folders(FileKind.MODELS)) == ["checkpoints"]


@pytest.mark.parametrize("page_size", [1, 3, 7, 8, 9])
async def test_pages_hold_every_file_once(store: FileStore, page_size: int) -> None:
    for path in IN_ORDER:
        await put(store, output(path))
    seen: list[str] = []
    token, pages = "", 0
    while token or not pages:
        page, token = await store.list(FileKind.OUTPUT, recursive=True, page_size=page_size, page_token=token)
        assert 0 < len(page) <= page_size
        seen += [file.name.path for file in page]
        pages += 1
    assert seen == IN_ORDER


async def test_a_page_follows_even_when_the_file_before_it_was_deleted(store: FileStore) -> None:
    for path in IN_ORDER:
        await put(store, output(path))
    page, token = await store.list(FileKind.OUTPUT, recursive=True, page_size=2)
    await store.delete(page[-1].name)
    rest, _ = await store.list(FileKind.OUTPUT, recursive=True, page_token=token)
    assert [file.name.path for file in rest] == IN_ORDER[2:]


@pytest.mark.parametrize(("page_size", "page_token"), [(-1, ""), (0, "?"), (0, "a"), (0, "/w=="), (0, "b3RoZXIvYQ==")])
async def test_bad_pages_are_refused(store: FileStore, page_size: int, page_token: str) -> None:
    with pytest.raises(InvalidArgument):
        await store.list(FileKind.OUTPUT, "folder", page_size=page_size, page_token=page_token)
