"""Large files that a client sees where the service keeps them: read there, and just as well when it does not."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.errors import Aborted
from services.files import seen_here
from services.files.chunks import CHUNK_BYTES, one_chunk
from services.files.client import FileClient
from services.files.locations import FileLocation
from services.files.records import FileInfo, FileKind, FileName, OnConflict
from services.files.servicer import file_servicer
from services.files.stores.disk import DiskStore
from services.rpc.server import serve

FILM = FileName(FileKind.OUTPUT, "", "film")
CONTENT = os.urandom(seen_here.WORTHWHILE + 7)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[FileClient]:
    async with (
        DiskStore(tmp_path) as store,
        serve("127.0.0.1:0", [file_servicer(store)]) as server,
        FileClient(server.address) as client,
    ):
        await client.write(FILM, one_chunk(CONTENT), OnConflict.FAIL)
        yield client


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """What was found here, in order."""
    found: list[int | None] = []
    open_here = seen_here.open_here

    def counted(location: FileLocation, info: FileInfo) -> int | None:
        found.append(open_here(location, info))
        return found[-1]

    monkeypatch.setattr(seen_here, "open_here", counted)
    return found


def is_open(descriptor: int | None) -> bool:
    try:
        os.fstat(descriptor or 0)
    except OSError:
        return False
    return True


@pytest.mark.parametrize(("offset", "length"), [(0, 0), (3, 0), (7, seen_here.WORTHWHILE)])
async def test_a_large_file_is_read_where_it_lies(
    client: FileClient, opened: list[int | None], offset: int, length: int
) -> None:
    async with client.open(FILM, offset=offset, length=length) as file:
        assert await file.read() == CONTENT[offset : offset + length if length else None]
    assert len(opened) == 1
    assert opened[0] is not None
    assert not is_open(opened[0])


async def test_a_small_part_comes_as_it_is_asked_for(client: FileClient, opened: list[int | None]) -> None:
    async with client.open(FILM, offset=5, length=1_000_000) as file:
        assert await file.read() == CONTENT[5:1_000_005]
    assert opened == []


async def test_who_does_not_see_the_file_gets_it_all_the_same(
    client: FileClient, opened: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, *_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied", path)

    async with client.open(FILM) as file:  # the service has opened it
        monkeypatch.setattr(os, "open", refuse)
        assert await file.read() == CONTENT
    assert opened == [None]


async def test_another_version_is_not_taken_for_the_one_that_was_opened(
    client: FileClient, opened: list[int | None]
) -> None:
    async with client.open(FILM) as file:
        await client.write(FILM, one_chunk(CONTENT[::-1]), OnConflict.OVERWRITE)
        assert await file.read() == CONTENT
    assert opened == [None]


async def test_a_file_that_is_changed_while_it_is_read_is_not_passed_off_as_whole(
    client: FileClient, opened: list[int | None], tmp_path: Path
) -> None:
    with pytest.raises(Aborted, match="changed while it was read"):
        async with client.open(FILM) as file:
            async for _ in file:
                os.truncate(tmp_path / "output" / "film", 2 * CHUNK_BYTES)
    assert opened[0] is not None
    assert not is_open(opened[0])


async def test_who_leaves_early_or_does_not_read_at_all_holds_nothing(
    client: FileClient, opened: list[int | None]
) -> None:
    async with client.open(FILM) as file:
        await anext(aiter(file))
    async with client.open(FILM):
        pass
    assert len(opened) == 1
    assert not is_open(opened[0])


async def test_a_file_that_is_gone_meanwhile_is_read_to_the_end(client: FileClient, opened: list[int | None]) -> None:
    async with client.open(FILM) as file:
        await client.delete(FILM)
        assert await file.read() == CONTENT
    assert opened == []
