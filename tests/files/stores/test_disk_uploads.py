"""What a store on disk adds to uploads: they outlive the service, and are forgotten one day."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from services.errors import NotFound
from services.files.chunks import one_chunk
from services.files.records import FileKind, FileName, OnConflict, Target
from services.files.stores import base
from services.files.stores.disk import DiskStore
from services.files.stores.incoming import Incoming

FILM = Target(FileName(FileKind.OUTPUT, "a", "film"), OnConflict.FAIL)
PICTURE = Target(FileName(FileKind.OUTPUT, "a", "p"), OnConflict.NUMBER, ".png")
REPLACED = Target(FileName(FileKind.OUTPUT, "a", "film"), OnConflict.OVERWRITE)

SHM = Path("/dev/shm")


async def begun(store: DiskStore, content: bytes, target: Target = FILM) -> str:
    upload = await store.begin_upload(target)
    await store.append_upload(upload.upload_id, 0, one_chunk(content))
    return upload.upload_id


async def test_an_upload_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with DiskStore(tmp_path) as store:
        upload_id = await begun(store, b"first ")
    async with DiskStore(tmp_path) as store:
        assert (await store.get_upload(upload_id)).offset == 6
        await store.append_upload(upload_id, 6, one_chunk(b"second"))
    async with DiskStore(tmp_path) as store:
        content = b"first second"
        info = await store.commit_upload(upload_id, len(content), blake3=blake3(content).hexdigest())
        assert info.blake3 == blake3(content).hexdigest()
    async with DiskStore(tmp_path) as store:
        assert await store.commit_upload(upload_id, len(content)) == info
    assert (tmp_path / "output" / "a" / "film").read_bytes() == content
    assert list((tmp_path / ".uploads").iterdir()) == []


def make_older(folder: Path, seconds: float) -> None:
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (time.time() - seconds,) * 2)


async def test_an_upload_that_nobody_goes_on_with_is_forgotten_after_a_day(tmp_path: Path) -> None:
    async with DiskStore(tmp_path) as store:
        fresh = await begun(store, b"fresh", PICTURE)
        stale = await begun(store, b"stale")
        done = await begun(store, b"done", PICTURE)
        await store.commit_upload(done, 4)
        make_older(tmp_path / ".uploads" / stale, base.UPLOAD_LIFE + 1)
        make_older(tmp_path / ".committed", base.UPLOAD_LIFE + 1)
        with pytest.raises(NotFound):
            await store.append_upload(stale, 5, one_chunk(b"more"))
    async with DiskStore(tmp_path) as store:
        for upload_id in (stale, done):
            with pytest.raises(NotFound):
                await store.commit_upload(upload_id, 5)
        assert [path.name for path in (tmp_path / ".uploads").iterdir()] == [fresh]
        assert list((tmp_path / ".committed").iterdir()) == []
        assert (await store.get_upload(fresh)).offset == 5


class Crash(BaseException):
    pass


def crash(*_: object) -> None:
    raise Crash


@pytest.mark.parametrize("target", [FILM, PICTURE, REPLACED], ids=lambda target: str(target.on_conflict.value))
@pytest.mark.parametrize("at", ["put", "replace", "_discard"])
async def test_a_commit_that_a_crash_cuts_is_answered_by_the_next_service(
    tmp_path: Path, target: Target, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with DiskStore(tmp_path) as store:
        upload_id = await begun(store, b"film", target)
        with monkeypatch.context() as patch:
            patch.setattr(Incoming, at, crash)
            try:
                first = await store.commit_upload(upload_id, 4)
            except Crash:
                first = None
    async with DiskStore(tmp_path) as store:
        info = await store.commit_upload(upload_id, 4)
        assert first in (None, info)
        files, _ = await store.list(FileKind.OUTPUT, recursive=True)
        assert files == [info]
    assert (tmp_path / str(info.name)).stat().st_nlink == 1
    assert list((tmp_path / ".uploads").iterdir()) == []


async def test_what_was_placed_before_a_crash_is_not_placed_again(tmp_path: Path) -> None:
    for target, place in ((PICTURE, os.link), (REPLACED, os.replace)):
        data = tmp_path / target.on_conflict.value
        async with DiskStore(data) as store:
            upload_id = await begun(store, b"film", target)
        name = FileName(FileKind.OUTPUT, "a", "p_00001_.png")
        incoming = Incoming.load(data / ".uploads" / upload_id)
        assert incoming
        incoming.about_to_place(name)
        (data / "output" / "a").mkdir()
        place(data / ".uploads" / upload_id / "content", data / str(name))

        async with DiskStore(data) as store:
            assert (await store.commit_upload(upload_id, 4)).name == name
            files, _ = await store.list(FileKind.OUTPUT, recursive=True)
            assert [file.name for file in files] == [name]
        assert (data / str(name)).stat().st_nlink == 1


@pytest.mark.parametrize("leftover", [[], ["content"], ["record.new"], ["record"]])
async def test_what_an_unfinished_begin_or_end_left_is_swept_away(tmp_path: Path, leftover: list[str]) -> None:
    folder = tmp_path / ".uploads" / ("0" * 32)
    folder.mkdir(parents=True)
    for filename in leftover:
        (folder / filename).write_bytes(b"")
    async with DiskStore(tmp_path) as store:
        with pytest.raises(NotFound):
            await store.get_upload("0" * 32)
    assert not folder.exists()


async def test_an_upload_can_be_read_by_nobody_else(tmp_path: Path) -> None:
    async with DiskStore(tmp_path):
        assert (tmp_path / ".uploads").stat().st_mode & 0o777 == 0o700


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DiskStore]:
    async with DiskStore(tmp_path) as store:
        yield store


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"scribble")


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


@pytest.mark.parametrize("edit", [rewrite, grow])
async def test_an_edit_in_place_of_a_copy_leaves_the_other_as_it_is(
    store: DiskStore, tmp_path: Path, edit: Callable[[Path], None]
) -> None:
    content = os.urandom(3 << 20)
    one, other = FILM.name, FileName(FileKind.INPUT, "", "film")
    await store.write(one, one_chunk(content), OnConflict.FAIL)
    await store.copy(one, other, OnConflict.FAIL)
    edit(tmp_path / str(other))
    assert (tmp_path / str(one)).read_bytes() == content
    assert (tmp_path / str(one)).stat().st_nlink == 1


async def test_a_file_put_there_by_hand_is_copied_with_its_digest(store: DiskStore, tmp_path: Path) -> None:
    (tmp_path / "input" / "cat.png").write_bytes(b"cat")
    copied = await store.copy(FileName(FileKind.INPUT, "", "cat.png"), FILM.name, OnConflict.FAIL)
    assert copied.blake3 == blake3(b"cat").hexdigest()


@pytest.fixture
def models_elsewhere(tmp_path: Path) -> Iterator[Path]:
    if not SHM.is_dir() or SHM.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has one file system")
    with tempfile.TemporaryDirectory(dir=SHM) as folder:
        (Path(folder) / "vae").mkdir()
        yield Path(folder)


async def test_a_copy_across_file_systems_is_whole(tmp_path: Path, models_elsewhere: Path) -> None:
    content = os.urandom((3 << 20) + 1)
    (models_elsewhere / "vae" / "a").write_bytes(content)
    async with DiskStore(tmp_path, (models_elsewhere,)) as store:
        copied = await store.copy(FileName(FileKind.MODELS, "vae", "a"), FILM.name, OnConflict.FAIL)
    assert (tmp_path / str(copied.name)).read_bytes() == content
