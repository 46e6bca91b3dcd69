"""Disks that are full, read-only or not ours any more: said so, nothing half-written, nothing held on to."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from blake3 import blake3

from services.errors import (
    Aborted,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    OutOfRange,
    ResourceExhausted,
    ServiceError,
)
from services.files.chunks import CHUNK_BYTES, one_chunk
from services.files.records import FileKind, FileName, OnConflict, Target
from services.files.stores.disk import DiskStore
from services.files.stores.disk_errors import disk_errors

FILM = FileName(FileKind.OUTPUT, "folder", "film")
#: Root has permission for everything; this user of every Unix has none.
NOBODY = 65534

SMALL = FileName(FileKind.OUTPUT, "", "small")


def run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or not run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)):
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def open_files() -> int:
    return psutil.Process().num_fds()


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield bytes(CHUNK_BYTES)


async def paths(store: DiskStore) -> list[str]:
    files, _ = await store.list(FileKind.OUTPUT, recursive=True)
    return [file.name.path for file in files]


async def test_a_full_disk_is_said_and_leaves_nothing_behind(small_disk: Path) -> None:
    async with DiskStore(small_disk) as store:
        before = open_files()
        for on_conflict in OnConflict:
            with pytest.raises(ResourceExhausted, match="no space is left .* output/folder/film; free some and try"):
                await store.write(FILM, chunks(10), on_conflict)
        assert open_files() == before
        await store.write(SMALL, one_chunk(b"fits"), OnConflict.FAIL)
        assert await paths(store) == ["small"]
        assert list((small_disk / ".incoming").iterdir()) == []


async def test_a_full_disk_leaves_what_was_to_be_replaced(small_disk: Path) -> None:
    async with DiskStore(small_disk) as store:
        await store.write(FILM, one_chunk(b"old"), OnConflict.FAIL)
        with pytest.raises(ResourceExhausted):
            await store.write(FILM, chunks(10), OnConflict.OVERWRITE)
        assert (small_disk / str(FILM)).read_bytes() == b"old"


async def test_an_upload_goes_on_when_there_is_space_again(small_disk: Path) -> None:
    content = os.urandom(3 << 20)
    async with DiskStore(small_disk) as store:
        await store.write(SMALL, chunks(3), OnConflict.FAIL)
        upload_id = (await store.begin_upload(Target(FILM, OnConflict.FAIL))).upload_id
        with pytest.raises(ResourceExhausted, match="no space is left"):
            await store.append_upload(upload_id, 0, one_chunk(content))
        offset = (await store.get_upload(upload_id)).offset
        assert 0 < offset < len(content)
        await store.delete(SMALL)
        await store.append_upload(upload_id, offset, one_chunk(content[offset:]))
        info = await store.commit_upload(upload_id, len(content), blake3=blake3(content).hexdigest())
        assert (small_disk / str(info.name)).read_bytes() == content


async def test_an_upload_that_cannot_begin_leaves_nothing(small_disk: Path) -> None:
    async with DiskStore(small_disk) as store:
        with suppress(OSError):
            (small_disk / "input" / "all of it").write_bytes(bytes(5 << 20))
        with pytest.raises(ResourceExhausted):
            for _ in range(10):
                await store.begin_upload(Target(FILM, OnConflict.FAIL))
        left = list((small_disk / ".uploads").iterdir())
        (small_disk / "input" / "all of it").unlink()
        for upload in left:
            await store.abort_upload(upload.name)
    assert list((small_disk / ".uploads").iterdir()) == []


async def test_a_copy_that_does_not_fit_leaves_nothing(small_disk: Path) -> None:
    async with DiskStore(small_disk) as store:
        await store.write(SMALL, chunks(5), OnConflict.FAIL)
        before = open_files()
        with pytest.raises(ResourceExhausted, match="no space is left"):
            await store.copy(SMALL, FILM, OnConflict.FAIL)
        assert open_files() == before
        assert await paths(store) == ["small"]
        assert list((small_disk / ".incoming").iterdir()) == []


async def test_a_service_starts_and_serves_what_is_on_a_full_disk(small_disk: Path) -> None:
    async with DiskStore(small_disk) as store:
        await store.write(SMALL, one_chunk(b"small"), OnConflict.FAIL)
    with suppress(OSError):
        (small_disk / "input" / "all of it").write_bytes(bytes(5 << 20))
    async with DiskStore(small_disk) as store, store.open(SMALL) as file:
        assert await file.read() == b"small"


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that everybody may look at."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@contextmanager
def lost_permission(folder: Path) -> Iterator[None]:
    """May be read and not written: by becoming nobody, who is not root, or by taking the right from oneself."""
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
        return
    modes = [(path, path.stat().st_mode) for path in [folder, *folder.rglob("*")]]
    try:
        for path, mode in reversed(modes):
            path.chmod(mode & 0o555)
        yield
    finally:
        for path, mode in modes:
            path.chmod(mode)


async def test_permissions_that_were_lost_are_said_and_what_may_be_read_is(shared_folder: Path) -> None:
    async with DiskStore(shared_folder) as store:
        await store.write(SMALL, one_chunk(b"small"), OnConflict.FAIL)
        upload_id = (await store.begin_upload(Target(FILM, OnConflict.FAIL))).upload_id
        await store.append_upload(upload_id, 0, one_chunk(b"begun"))
        before = open_files()
        with lost_permission(shared_folder):
            for attempt in (
                store.write(FILM, chunks(2), OnConflict.FAIL),
                store.write(SMALL, one_chunk(b"new"), OnConflict.OVERWRITE),
                store.write(SMALL, one_chunk(b"new"), OnConflict.NUMBER),
                store.begin_upload(Target(FILM, OnConflict.FAIL)),
                store.append_upload(upload_id, 5, one_chunk(b"more")),
                store.copy(SMALL, FILM, OnConflict.FAIL),
                store.move(SMALL, FILM, OnConflict.FAIL),
                store.delete(SMALL),
            ):
                with pytest.raises(FailedPrecondition, match="no permission"):
                    await attempt
            async with store.open(SMALL) as file:
                assert await file.read() == b"small"
            assert await paths(store) == ["small"]
        assert open_files() == before
        await store.commit_upload(upload_id, 5)
        assert await paths(store) == ["small", "folder/film"]
        assert list((shared_folder / ".incoming").iterdir()) == []


@pytest.mark.parametrize(
    ("number", "error", "sentence"),
    [
        (errno.ENOSPC, ResourceExhausted, "no space is left"),
        (errno.EDQUOT, ResourceExhausted, "quota"),
        (errno.EMFILE, ResourceExhausted, "too many files are open"),
        (errno.EACCES, FailedPrecondition, "no permission"),
        (errno.EROFS, FailedPrecondition, "read-only"),
        (errno.ENOENT, NotFound, "there is no"),
        (errno.ENAMETOOLONG, InvalidArgument, "longer than the file system allows"),
        (errno.ESTALE, Aborted, "try again"),
        (errno.EIO, ServiceError, "the disk failed"),
    ],
)
def test_what_a_system_refuses_is_an_error_without_its_paths(
    number: int, error: type[ServiceError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence) as raised, disk_errors(FILM):
        raise OSError(number, os.strerror(number), "/srv/secret/place")
    assert "output/folder/film" in raised.value.message
    assert "secret" not in raised.value.message


async def test_nothing_is_held_on_to_when_contents_break_off(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(CHUNK_BYTES)
        yield bytes(CHUNK_BYTES)
        raise RuntimeError

    async with DiskStore(tmp_path) as store:
        await store.write(SMALL, chunks(3), OnConflict.FAIL)
        upload_id = (await store.begin_upload(Target(FILM, OnConflict.FAIL))).upload_id
        before = open_files()
        for _ in range(20):
            with pytest.raises(RuntimeError):
                await store.write(FILM, broken(), OnConflict.FAIL)
            with pytest.raises(RuntimeError):
                await store.append_upload(upload_id, (await store.get_upload(upload_id)).offset, broken())
            with pytest.raises(OutOfRange):
                await store.append_upload(upload_id, 7, chunks(1))
            async with store.open(SMALL) as file:
                await anext(aiter(file))
        assert open_files() == before
        assert list((tmp_path / ".incoming").iterdir()) == []
