"""What every file store does: in memory, on disk, and behind gRPC."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from blake3 import blake3

from services.errors import AlreadyExists, DataLoss, InvalidArgument, NotFound, OutOfRange, ServiceError
from services.files import names
from services.files.chunks import CHUNK_BYTES, one_chunk
from services.files.client import FileClient
from services.files.records import FileInfo, FileKind, FileName, OnConflict
from services.files.servicer import file_servicer
from services.files.stores.base import FileStore
from services.files.stores.disk import DiskStore
from services.files.stores.memory import MemoryStore
from services.rpc.server import serve

RECORDED = Path(__file__).parent.parent / "recorded"
MODEL = FileName(FileKind.MODELS, "checkpoints/tiny", "a.safetensors")
WEIGHTS = b"weights"


async def memory(stack: AsyncExitStack, folder: Path) -> FileStore:
    return await stack.enter_async_context(MemoryStore({MODEL: WEIGHTS}))


async def disk(stack: AsyncExitStack, folder: Path) -> FileStore:
    model = folder / "models" / MODEL.path
    model.parent.mkdir(parents=True)
    model.write_bytes(WEIGHTS)
    return await stack.enter_async_context(DiskStore(folder / "data", (folder / "models",)))


async def remote(stack: AsyncExitStack, folder: Path) -> FileStore:
    server = await stack.enter_async_context(serve("127.0.0.1:0", [file_servicer(await disk(stack, folder))]))
    return await stack.enter_async_context(FileClient(server.address))


BUILD: dict[str, Callable[[AsyncExitStack, Path], Awaitable[FileStore]]] = {
    "memory": memory,
    "disk": disk,
    "remote": remote,
}


@pytest.fixture(params=BUILD)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FileStore]:
    async with AsyncExitStack() as stack:
        yield await BUILD[request.param](stack, tmp_path)


def output(path: str) -> FileName:
    return names.parse_path(FileKind.OUTPUT, path)


async def put(
    store: FileStore, name: FileName, content: bytes = b"x", on_conflict: OnConflict = OnConflict.FAIL, **more: str
) -> FileInfo:
    return await store.write(name, one_chunk(content), on_conflict, **more)  # type: ignore[arg-type]


async def get(store: FileStore, source: FileName | str, offset: int = 0, length: int = 0) -> bytes:
    async with store.open(source, offset=offset, length=length) as file:
        return await file.read()


async def paths(store: FileStore, kind: FileKind = FileKind.OUTPUT, subfolder: str = "") -> list[str]:
    files, _ = await store.list(kind, subfolder, recursive=True)
    return [file.name.path for file in files]


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


@pytest.mark.parametrize("subfolder", ["..", "/", "a/..", "a/", "a\\b", "\ud800", "x" * 256])
async def test_no_listing_takes_a_folder_that_is_none(store: FileStore, subfolder: str) -> None:
    with pytest.raises(InvalidArgument):
        await store.list(FileKind.OUTPUT, subfolder)


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


TREE = ["A", "b", "é", "a/x", "a/y", "a/b/x", "a b/x", "c/d/e/f"]
IN_ORDER = ["A", "b", "é", "a/x", "a/y", "a/b/x", "a b/x", "c/d/e/f"]


async def test_a_listing_is_ordered_by_folder_and_name(store: FileStore) -> None:
    written = {path: await put(store, output(path), path.encode()) for path in reversed(TREE)}
    assert await paths(store) == IN_ORDER
    assert await paths(store, subfolder="a") == ["a/x", "a/y", "a/b/x"]
    assert await paths(store, subfolder="nothing/here") == []
    top, token = await store.list(FileKind.OUTPUT)
    assert ([file.name.path for file in top], token) == (["A", "b", "é"], "")
    assert top == [written[path] for path in ("A", "b", "é")]


@pytest.mark.parametrize("page_size", [1, 3, 7, 8, 9])
async def test_pages_hold_every_file_once(store: FileStore, page_size: int) -> None:
    for path in TREE:
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
    for path in TREE:
        await put(store, output(path))
    page, token = await store.list(FileKind.OUTPUT, recursive=True, page_size=2)
    await store.delete(page[-1].name)
    rest, _ = await store.list(FileKind.OUTPUT, recursive=True, page_token=token)
    assert [file.name.path for file in rest] == IN_ORDER[2:]


@pytest.mark.parametrize(("page_size", "page_token"), [(-1, ""), (0, "?"), (0, "a"), (0, "/w=="), (0, "b3RoZXIvYQ==")])
async def test_bad_pages_are_refused(store: FileStore, page_size: int, page_token: str) -> None:
    with pytest.raises(InvalidArgument):
        await store.list(FileKind.OUTPUT, "folder", page_size=page_size, page_token=page_token)
