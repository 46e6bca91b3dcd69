"""What every file store does when a name is taken, and how it numbers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from blake3 import blake3

from services.errors import AlreadyExists, InvalidArgument, NotFound
from services.files import names
from services.files.chunks import CHUNK_BYTES
from services.files.records import FileKind, FileName, OnConflict
from services.files.stores.base import FileStore
from tests.contract.files.operations import get, output, paths, put

RECORDED = Path(__file__).parents[2] / "recorded"


async def test_a_folder_is_not_a_file(store: FileStore) -> None:
    await put(store, output("folder/a"))
    for attempt in (store.stat(output("folder")), store.delete(output("folder")), get(store, output("folder"))):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(AlreadyExists):
        await put(store, output("folder"))
    with pytest.raises(InvalidArgument, match="is a folder"):
        await put(store, output("folder"), on_conflict=OnConflict.OVERWRITE)
    assert (await put(store, output("folder"), on_conflict=OnConflict.RENAME)).name == output("folder (1)")


async def test_a_file_is_not_a_folder(store: FileStore) -> None:
    await put(store, output("file"))
    for on_conflict in OnConflict:
        with pytest.raises(InvalidArgument, match="is a file"):
            await put(store, output("file/below/a"), on_conflict=on_conflict)
    with pytest.raises(NotFound):
        await store.stat(output("file/a"))


async def test_kinds_are_apart(store: FileStore) -> None:
    kinds = [kind for kind in FileKind if not kind.is_read_only]
    for kind in kinds:
        await put(store, FileName(kind, "", "a"), kind.value.encode())
    for kind in kinds:
        assert await get(store, FileName(kind, "", "a")) == kind.value.encode()


async def test_a_taken_name_is_refused_and_keeps_its_content(store: FileStore) -> None:
    await put(store, output("a"), b"first")
    with pytest.raises(AlreadyExists, match="output/a exists"):
        await put(store, output("a"), b"second")
    assert await get(store, output("a")) == b"first"


async def test_overwriting_replaces_and_an_open_reader_keeps_what_it_opened(store: FileStore) -> None:
    old, new = b"o" * CHUNK_BYTES * 40, b"n" * 10
    await put(store, output("a"), old)
    async with store.open(output("a")) as file:
        chunks = aiter(file)
        first = await anext(chunks)
        replaced = await put(store, output("a"), new, OnConflict.OVERWRITE)
        rest = b"".join([chunk async for chunk in chunks])
    assert first + rest == old
    assert await get(store, output("a")) == new
    assert (await store.stat(output("a"))) == replaced
    with pytest.raises(NotFound):
        await get(store, blake3(old).hexdigest())


async def test_uploads_get_the_names_that_comfyui_gives(store: FileStore) -> None:
    contents = {"A": b"a" * 80, "B": b"b" * 78, "C": b"c" * 78}
    for upload in json.loads((RECORDED / "upload_names.json").read_bytes()):
        on_conflict = OnConflict.OVERWRITE if upload["overwrite"] else OnConflict.RENAME
        name = FileName(FileKind.INPUT, "", "up.png")
        info = await put(store, name, contents[upload["content"]], on_conflict)
        assert info.name.filename == upload["name"], upload["label"]
        assert info.blake3 == blake3(contents[upload["content"]]).hexdigest()
    assert await paths(store, FileKind.INPUT) == ["up (1).png", "up (2).png", "up.png"]


async def test_a_renamed_file_keeps_only_its_last_extension_apart(store: FileStore) -> None:
    for content, expected in [(b"1", "a.tar.gz"), (b"2", "a.tar (1).gz"), (b"3", "a.tar (2).gz")]:
        assert (await put(store, output("a.tar.gz"), content, OnConflict.RENAME)).name.filename == expected


@pytest.mark.parametrize(
    "case", json.loads((RECORDED / "numbered_names.json").read_bytes()), ids=lambda case: str(case["label"])
)
async def test_saved_pictures_get_the_names_that_comfyui_gives(
    store: FileStore, case: dict[str, str], tmp_path: Path
) -> None:
    for filename in case["there"]:
        await put(store, output(filename))
    if case["filename"] is None:
        with pytest.raises(InvalidArgument):
            names.parse_prefix(FileKind.OUTPUT, case["prefix"])
        return
    prefix = names.parse_prefix(FileKind.OUTPUT, case["prefix"])
    info = await put(store, prefix, on_conflict=OnConflict.NUMBER, numbered_extension=".png")
    assert info.name == FileName(FileKind.OUTPUT, case["subfolder"], case["filename"])


async def test_concurrent_savers_get_distinct_numbers_without_gaps(store: FileStore) -> None:
    async def save(saver: int) -> list[str]:
        saved = []
        for picture in range(25):
            content = f"{saver} {picture}".encode()
            info = await put(store, output("p"), content, OnConflict.NUMBER, numbered_extension=".png")
            assert await get(store, info.name) == content
            saved.append(info.name.filename)
        return saved

    saved = await asyncio.gather(*map(save, range(8)))
    assert sorted(sum(saved, [])) == [f"p_{number:05}_.png" for number in range(1, 201)]
    assert all(numbers == sorted(numbers) for numbers in saved)


async def test_every_prefix_folder_and_kind_has_its_own_counter(store: FileStore) -> None:
    for name in (output("a"), output("b"), output("x/a"), FileName(FileKind.TEMP, "", "a")):
        info = await put(store, name, on_conflict=OnConflict.NUMBER, numbered_extension=".png")
        assert info.name == names.numbered(name, 1, ".png")


async def test_a_number_is_not_given_again_after_its_file_is_deleted(store: FileStore) -> None:
    first = await put(store, output("a"), on_conflict=OnConflict.NUMBER)
    await store.delete(first.name)
    assert (await put(store, output("a"), on_conflict=OnConflict.NUMBER)).name.filename == "a_00002_"


@pytest.mark.parametrize(
    ("prefix", "extension"), [("", ".png"), ("a", "png"), ("a", "./b"), ("a" * 250, ".png"), ("a", ".\n"), ("..", "/")]
)
async def test_a_numbered_name_that_would_be_none_is_refused(store: FileStore, prefix: str, extension: str) -> None:
    name = FileName(FileKind.OUTPUT, "", prefix)
    with pytest.raises(InvalidArgument):
        await put(store, name, on_conflict=OnConflict.NUMBER, numbered_extension=extension)


async def test_an_extension_without_a_number_is_refused(store: FileStore) -> None:
    with pytest.raises(InvalidArgument, match="NUMBER"):
        await put(store, output("a"), numbered_extension=".png")
