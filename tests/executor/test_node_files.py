"""The file service as nodes see it."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from blake3 import blake3

from services.errors import AlreadyExists, InvalidArgument, NotFound, Unavailable
from services.executor.engine.context import Interrupted, RunContext, in_run
from services.executor.node_files import CHUNK_BYTES, LARGE_BYTES, RemoteFiles
from services.files.records import FileKind, FileName, OnConflict
from services.files.servicer import file_servicer
from services.files.stores.disk import DiskStore
from services.files.stores.memory import MemoryStore
from services.rpc.server import serve

HELD = {
    FileName(FileKind.INPUT, "", "a.png"): b"a" * 10,
    FileName(FileKind.INPUT, "sub", "b.png"): b"b" * (CHUNK_BYTES + 10),
    FileName(FileKind.INPUT, "", "c.png"): b"c" * 10,
}
A, B, C = HELD


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[RemoteFiles]:
    async with serve("127.0.0.1:0", [file_servicer(MemoryStore(HELD))]) as server:
        remote = RemoteFiles(server.address, tmp_path / "cache", cache_bytes=CHUNK_BYTES + 15)
        yield remote
        await asyncio.to_thread(remote.close)


async def test_what_is_written_counts_towards_the_quota_of_the_prompts_user(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(bytes(100))
    store = MemoryStore()
    async with serve("127.0.0.1:0", [file_servicer(store)]) as server:
        remote = RemoteFiles(server.address, tmp_path / "cache")
        anns = remote.within("", "ann")
        film = FileName(FileKind.OUTPUT, "", "film")
        await asyncio.to_thread(anns.save, FileKind.OUTPUT, "", "made", ".png", bytes(10))
        await asyncio.to_thread(anns.save_file, FileKind.OUTPUT, "", "made", ".mp4", tmp_path / "film")
        await asyncio.to_thread(anns.put, film, tmp_path / "film", OnConflict.OVERWRITE)
        assert await store.usage("ann") == 210
        await asyncio.to_thread(remote.put, film, tmp_path / "film", OnConflict.OVERWRITE)
        assert await store.usage("ann") == 110
        await asyncio.to_thread(remote.close)


async def test_a_file_is_copied_once_and_kept_by_its_content(files: RemoteFiles) -> None:
    path = await asyncio.to_thread(files.fetch, B)
    assert path.read_bytes() == HELD[B]
    assert path.name == blake3(HELD[B]).hexdigest() == await asyncio.to_thread(files.stat_digest, B)
    written_at = path.stat().st_ino
    assert (await asyncio.to_thread(files.fetch, B)).stat().st_ino == written_at


async def test_what_was_used_longest_ago_makes_room(files: RemoteFiles) -> None:
    first = await asyncio.to_thread(files.fetch, A)
    second = await asyncio.to_thread(files.fetch, B)
    assert not first.exists()
    third = await asyncio.to_thread(files.fetch, C)
    assert not second.exists()
    assert [path.name for path in third.parent.iterdir()] == [third.name]


async def test_a_large_file_that_is_seen_where_it_lies_is_not_copied(tmp_path: Path) -> None:
    lying, small = tmp_path / "data/input/large.mp4", tmp_path / "data/input/small.png"
    lying.parent.mkdir(parents=True)
    lying.write_bytes(b"x" * LARGE_BYTES)
    small.write_bytes(b"x")
    names = {path: FileName(FileKind.INPUT, "", path.name) for path in (lying, small)}
    async with DiskStore(tmp_path / "data") as store, serve("127.0.0.1:0", [file_servicer(store)]) as server:
        remote = await asyncio.to_thread(RemoteFiles, server.address, tmp_path / "cache")
        try:
            assert await asyncio.to_thread(remote.fetch, names[lying]) == lying
            lying.write_bytes(b"y" * LARGE_BYTES)
            assert await asyncio.to_thread(remote.fetch, names[lying]) == lying
            copies = [await asyncio.to_thread(remote.fetch, names[small])]
            copies.append(await asyncio.to_thread(remote.copy, names[lying]))
            assert [copy.parent for copy in copies] == [tmp_path / "cache"] * 2
        finally:
            await asyncio.to_thread(remote.close)


async def test_saved_files_are_numbered(files: RemoteFiles) -> None:
    data = b"x" * (2 * CHUNK_BYTES + 1)
    for number in (1, 2):
        name = await asyncio.to_thread(files.save, FileKind.OUTPUT, "deep", "made", ".png", data)
        assert name == FileName(FileKind.OUTPUT, "deep", f"made_{number:05}_.png")
    assert (await asyncio.to_thread(files.fetch, name)).read_bytes() == data


async def test_local_files_are_saved_and_numbered_alike(files: RemoteFiles, tmp_path: Path) -> None:
    source = tmp_path / "content"
    source.write_bytes(b"x" * (2 * CHUNK_BYTES + 1))
    for number in (1, 2):
        name = await asyncio.to_thread(files.save_file, FileKind.OUTPUT, "deep", "made", ".bin", source)
        assert name == FileName(FileKind.OUTPUT, "deep", f"made_{number:05}_.bin")
        assert (await asyncio.to_thread(files.fetch, name)).read_bytes() == source.read_bytes()


async def test_only_what_is_there_exists(files: RemoteFiles) -> None:
    def exists(*name: str) -> bool:
        return files.exists(FileName(FileKind.INPUT, *name))

    assert await asyncio.to_thread(exists, "sub", "b.png")
    assert not await asyncio.to_thread(exists, "", "b.png")
    assert not await asyncio.to_thread(exists, "..", "b.png")
    assert await asyncio.to_thread(files.list_top, FileKind.INPUT) == ["a.png", "c.png"]
    assert await asyncio.to_thread(files.list_below, FileKind.INPUT, "sub") == ["sub/b.png"]
    assert await asyncio.to_thread(files.list_below, FileKind.INPUT, "") == ["a.png", "c.png", "sub/b.png"]
    assert await asyncio.to_thread(files.list_below, FileKind.INPUT, "no/such/folder") == []
    assert await asyncio.to_thread(files.list_folders, FileKind.INPUT) == ["sub"]


async def test_errors_are_those_of_the_service(files: RemoteFiles) -> None:
    with pytest.raises(NotFound, match="nope"):
        await asyncio.to_thread(files.fetch, FileName(FileKind.INPUT, "", "nope.png"))
    with pytest.raises(InvalidArgument):
        await asyncio.to_thread(files.save, FileKind.OUTPUT, "..", "evil", ".png", b"")


@pytest.fixture
def nobody(tmp_path: Path) -> Iterator[RemoteFiles]:
    with ExitStack() as stack:
        remote = RemoteFiles("127.0.0.1:1", tmp_path, outage_patience=0.0)
        stack.callback(remote.close)
        yield remote


def test_a_service_that_is_not_there_is_unavailable(nobody: RemoteFiles) -> None:
    with pytest.raises(Unavailable):
        nobody.exists(A)
    with pytest.raises(Unavailable):
        nobody.list_top(FileKind.INPUT)


async def test_a_service_that_is_away_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    async with serve("127.0.0.1:0", [file_servicer(MemoryStore(HELD))]) as server:
        address = server.address
    remote = RemoteFiles(address, tmp_path)
    waiting = asyncio.create_task(asyncio.to_thread(remote.exists, A))
    await asyncio.sleep(0.3)
    async with serve(address, [file_servicer(MemoryStore(HELD))]):
        assert await waiting
        await asyncio.to_thread(remote.close)


def test_a_run_that_is_asked_to_stop_waits_for_no_service(tmp_path: Path) -> None:
    with closing(RemoteFiles("127.0.0.1:1", tmp_path, outage_patience=math.inf)) as nobody:
        run = RunContext(prompt_id="p", files=nobody)
        threading.Timer(0.2, run.interrupted.set).start()
        with in_run(run), pytest.raises(Interrupted):
            nobody.exists(A)


async def test_a_file_is_sent_under_its_name_and_listed_in_its_folder(files: RemoteFiles, tmp_path: Path) -> None:
    source = tmp_path / "made.txt"
    source.write_bytes(b"y" * (CHUNK_BYTES + 1))
    name = FileName(FileKind.OUTPUT, "deep", "made.txt")
    await asyncio.to_thread(files.put, name, source, OnConflict.FAIL)
    assert (await asyncio.to_thread(files.fetch, name)).read_bytes() == source.read_bytes()
    with pytest.raises(AlreadyExists):
        await asyncio.to_thread(files.put, name, source, OnConflict.FAIL)
    assert await asyncio.to_thread(files.list_folder, FileKind.OUTPUT, "deep") == ["made.txt"]
    assert await asyncio.to_thread(files.list_folder, FileKind.OUTPUT, "no/such/folder") == []
