"""What a store on disk adds: folders that people browse, drop files into and break."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from blake3 import blake3

from services.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound
from services.files import names
from services.files.chunks import CHUNK_BYTES, one_chunk
from services.files.models.records import ExtraFolder
from services.files.records import FileKind, FileName, OnConflict
from services.files.stores.disk import DiskStore


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
async def store(data: Path) -> AsyncIterator[DiskStore]:
    async with DiskStore(data) as store:
        yield store


def picture(path: str) -> FileName:
    return names.parse_path(FileKind.INPUT, path)


async def get(store: DiskStore, source: FileName | str) -> bytes:
    async with store.open(source) as file:
        return await file.read()


async def number(store: DiskStore, prefix: str) -> str:
    name = FileName(FileKind.OUTPUT, "", prefix)
    return (await store.write(name, one_chunk(b""), OnConflict.NUMBER, numbered_extension=".png")).name.filename


async def test_files_lie_where_people_look_for_them(store: DiskStore, data: Path) -> None:
    for kind in (FileKind.INPUT, FileKind.OUTPUT, FileKind.TEMP, FileKind.USERDATA):
        await store.write(FileName(kind, "a/b", "c.txt"), one_chunk(b"text"), OnConflict.FAIL)
        path = data / kind.value / "a" / "b" / "c.txt"
        assert path.read_bytes() == b"text"
        assert path.stat().st_nlink == 1
    assert list((data / ".incoming").iterdir()) == []


@pytest.mark.parametrize("kind", [FileKind.OUTPUT, FileKind.TEMP])
async def test_only_what_outlives_the_service_is_forced_to_disk(
    store: DiskStore, kind: FileKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[int] = []
    monkeypatch.setattr(os, "fsync", forced.append)
    await store.write(FileName(kind, "", "a.png"), one_chunk(b"picture"), OnConflict.FAIL)
    assert bool(forced) is (kind is FileKind.OUTPUT)


async def test_files_dropped_by_hand_are_seen_at_once(store: DiskStore, data: Path) -> None:
    (data / "input" / "folder").mkdir()
    (data / "input" / "folder" / "cat.png").write_bytes(b"cat")

    digest = blake3(b"cat").hexdigest()
    assert await get(store, picture("folder/cat.png")) == b"cat"
    files, _ = await store.list(FileKind.INPUT, recursive=True)
    assert [(file.name, file.size, file.blake3) for file in files] == [(picture("folder/cat.png"), 3, None)]
    assert (await store.stat(picture("folder/cat.png"), digest=True)).blake3 == digest
    assert await get(store, digest) == b"cat"

    (data / "input" / "folder" / "cat.png").unlink()
    with pytest.raises(NotFound):
        await store.stat(picture("folder/cat.png"))
    with pytest.raises(NotFound):
        await get(store, digest)


async def test_a_file_changed_by_hand_has_a_new_digest(store: DiskStore, data: Path) -> None:
    old = await store.write(picture("cat.png"), one_chunk(b"old"), OnConflict.FAIL)
    path = data / "input" / "cat.png"
    path.write_bytes(b"new")
    os.utime(path, (1, 1))

    assert (await store.stat(picture("cat.png"))).blake3 is None
    assert (await store.stat(picture("cat.png"), digest=True)).blake3 == blake3(b"new").hexdigest()
    assert old.blake3
    with pytest.raises(NotFound):
        await get(store, old.blake3)


async def test_a_file_dropped_by_hand_counts_when_numbers_and_names_are_given(store: DiskStore, data: Path) -> None:
    (data / "output" / "p_00007_.jpg").write_bytes(b"")
    assert await number(store, "p") == "p_00008_.png"
    (data / "output" / "p_00009_.png").write_bytes(b"")
    assert await number(store, "p") == "p_00010_.png"

    (data / "input" / "cat.png").write_bytes(b"cat")
    same = await store.write(picture("cat.png"), one_chunk(b"cat"), OnConflict.RENAME)
    other = await store.write(picture("cat.png"), one_chunk(b"dog"), OnConflict.RENAME)
    assert [same.name.filename, other.name.filename] == ["cat.png", "cat (1).png"]


async def test_numbers_go_on_after_a_restart(data: Path) -> None:
    async with DiskStore(data) as store:
        assert [await number(store, "p") for _ in range(2)] == ["p_00001_.png", "p_00002_.png"]
    async with DiskStore(data) as store:
        assert await number(store, "p") == "p_00003_.png"


async def test_digests_survive_a_restart_and_a_lost_index_only_costs_time(data: Path) -> None:
    async with DiskStore(data) as store:
        written = await store.write(picture("cat.png"), one_chunk(b"cat"), OnConflict.FAIL)
    async with DiskStore(data) as store:
        assert await store.stat(written.name) == written
    (data / "files.sqlite3").write_bytes(b"this is no database, it is long enough to look like a broken one" * 100)
    async with DiskStore(data) as store:
        assert (await store.stat(written.name)).blake3 is None
        assert await store.stat(written.name, digest=True) == written
    assert (data / "files.sqlite3").stat().st_mode & 0o777 == 0o600


async def test_temp_is_emptied_at_the_start_and_the_others_are_kept(data: Path, tmp_path: Path) -> None:
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "gold").write_bytes(b"gold")
    async with DiskStore(data) as store:
        for kind in (FileKind.INPUT, FileKind.OUTPUT, FileKind.TEMP, FileKind.USERDATA):
            await store.write(FileName(kind, "a", "b"), one_chunk(b""), OnConflict.FAIL)
    (data / "temp" / "link").symlink_to(treasure)
    (data / ".incoming" / "half").write_bytes(b"half a pic")

    async with DiskStore(data):
        assert list((data / "temp").iterdir()) == []
        assert list((data / ".incoming").iterdir()) == []
        assert all((data / kind / "a" / "b").exists() for kind in ("input", "output", "user"))
    assert (treasure / "gold").read_bytes() == b"gold"


async def test_the_temp_folder_of_a_stranger_is_left_alone(data: Path) -> None:
    (data / "temp").mkdir(parents=True)
    (data / "temp" / "thesis.txt").write_bytes(b"years of work")
    async with DiskStore(data):
        assert (data / "temp" / "thesis.txt").exists()


async def test_one_service_at_a_time_uses_a_data_directory(store: DiskStore, data: Path) -> None:
    with pytest.raises(FailedPrecondition, match="used by another"):
        async with DiskStore(data):
            pass
    assert await number(store, "p") == "p_00001_.png"


@pytest.mark.parametrize("blocked", ["data", "data/input", "data/.incoming"])
async def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path, blocked: str) -> None:
    path = tmp_path / blocked
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    with pytest.raises(InvalidArgument, match="data.* cannot be read"):
        async with DiskStore(tmp_path / "data"):
            pass


async def test_a_models_folder_that_is_none_is_named(tmp_path: Path, data: Path) -> None:
    (tmp_path / "models").write_bytes(b"")
    with pytest.raises(InvalidArgument, match="models cannot be read: Not a directory"):
        async with DiskStore(data, (tmp_path / "models",)):
            pass


async def test_the_first_models_folder_wins_and_late_ones_are_seen(tmp_path: Path, data: Path) -> None:
    ours, theirs, late = (tmp_path / folder for folder in ("ours", "theirs", "late"))
    for folder, filenames in ((ours, "ab"), (theirs, "bc")):
        (folder / "vae").mkdir(parents=True)
        for filename in filenames:
            (folder / "vae" / filename).write_bytes(folder.name.encode())
    (theirs / "readme").write_bytes(b"not in a model folder")

    async with DiskStore(data, (ours, theirs, late)) as store:
        (late / "vae").mkdir(parents=True)
        (late / "vae" / "d").write_bytes(b"late")
        files, _ = await store.list(FileKind.MODELS, recursive=True)
        assert [file.name.path for file in files] == ["vae/a", "vae/b", "vae/c", "vae/d"]
        contents = [await get(store, file.name) for file in files]
        assert contents == [b"ours", b"ours", b"theirs", b"late"]
        page, token = await store.list(FileKind.MODELS, "vae", page_size=3)
        rest, end = await store.list(FileKind.MODELS, "vae", page_size=3, page_token=token)
        assert ([*page, *rest], end) == (files, "")


async def test_extra_folders_hold_models_of_a_kind_before_or_after_all_others(tmp_path: Path, data: Path) -> None:
    first, root, last = (tmp_path / folder for folder in ("first", "models", "last"))
    for folder, filenames in ((first, "ab"), (root / "vae", "bc"), (last, "cd")):
        folder.mkdir(parents=True)
        for filename in filenames:
            (folder / filename).write_bytes(folder.name.encode())
    extra = [
        ExtraFolder("vae", str(last), False, "line 1"),
        ExtraFolder("vae", str(first), True, "line 2"),
        ExtraFolder("ipadapter", str(tmp_path / "late"), False, "line 3"),
    ]
    async with DiskStore(data, (root,), extra) as store:
        files, _ = await store.list(FileKind.MODELS, recursive=True)
        assert [file.name.path for file in files] == ["vae/a", "vae/b", "vae/c", "vae/d"]
        contents = [await get(store, file.name) for file in files]
        assert contents == [b"first", b"first", b"vae", b"last"]
        assert await store.list_folders(FileKind.MODELS) == ["vae"]
        (tmp_path / "late" / "sub").mkdir(parents=True)
        (tmp_path / "late" / "sub" / "e").write_bytes(b"late")
        assert await store.list_folders(FileKind.MODELS) == ["ipadapter", "vae"]
        assert await get(store, FileName(FileKind.MODELS, "ipadapter/sub", "e")) == b"late"
        with pytest.raises(InvalidArgument):
            await get(store, FileName(FileKind.MODELS, "ipadapter/..", "e"))


async def test_no_link_leads_out_of_a_kind(store: DiskStore, data: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    inputs = data / "input"
    (inputs / "direct").symlink_to(tmp_path / "secret")
    (inputs / "folder").symlink_to(tmp_path)
    (inputs / "sibling").symlink_to(data / "output")
    (inputs / "loop").symlink_to("loop")
    (inputs / "inside").symlink_to("cat.png")
    await store.write(picture("cat.png"), one_chunk(b"cat"), OnConflict.FAIL)

    for path in ("direct", "folder/secret", "folder/data/files.sqlite3"):
        with pytest.raises(InvalidArgument, match="leads out"):
            await get(store, picture(path))
        with pytest.raises(InvalidArgument, match="leads out"):
            await store.delete(picture(path))
    for path in ("folder/new", "folder/new/deep/a", "sibling/new"):
        with pytest.raises(InvalidArgument, match="leads out"):
            await store.write(picture(path), one_chunk(b"evil"), OnConflict.OVERWRITE)
    for path in ("loop", "loop/a"):
        with pytest.raises(NotFound):
            await get(store, picture(path))
    assert not (tmp_path / "new").exists()
    assert await get(store, picture("inside")) == b"cat"
    listed, _ = await store.list(FileKind.INPUT, recursive=True)
    assert [file.name.path for file in listed] == ["cat.png", "inside"]


async def test_models_may_be_links_to_where_there_is_room(data: Path, tmp_path: Path) -> None:
    models, big = tmp_path / "models", tmp_path / "big disk"
    for folder in (models / "vae", big / "loras"):
        folder.mkdir(parents=True)
    (big / "loras" / "a").write_bytes(b"a")
    (big / "b").write_bytes(b"b")
    (models / "loras").symlink_to(big / "loras")
    (models / "vae" / "b").symlink_to(big / "b")
    async with DiskStore(data, (models,)) as store:
        files, _ = await store.list(FileKind.MODELS, recursive=True)
        assert [file.name.path for file in files] == ["loras/a", "vae/b"]
        assert [await get(store, file.name) for file in files] == [b"a", b"b"]
        assert await store.list_folders(FileKind.MODELS) == ["loras", "vae"]


async def test_overwriting_or_deleting_a_link_leaves_alone_what_it_leads_to(
    store: DiskStore, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (data / "input" / "out").symlink_to(tmp_path / "secret")
    await store.write(picture("out"), one_chunk(b"mine"), OnConflict.OVERWRITE)
    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert await get(store, picture("out")) == b"mine"

    (data / "input" / "in").symlink_to("out")
    await store.delete(picture("in"))
    assert await get(store, picture("out")) == b"mine"


async def test_what_is_no_regular_file_is_not_there(store: DiskStore, data: Path) -> None:
    os.mkfifo(data / "input" / "pipe")
    (data / "input" / "folder").mkdir()
    for path in ("pipe", "folder"):
        with pytest.raises(NotFound):
            await get(store, picture(path))
    assert await store.list(FileKind.INPUT) == ([], "")


async def test_what_cannot_be_named_is_not_listed(store: DiskStore, data: Path) -> None:
    for filename in (b"new\nline", b"not \xff UTF-8", b"back\\slash", b"fine"):
        (data / "input" / os.fsdecode(filename)).write_bytes(b"")
    files, _ = await store.list(FileKind.INPUT)
    assert [file.name.filename for file in files] == ["fine"]


async def test_a_walk_ends_where_names_end(store: DiskStore, data: Path) -> None:
    deep = data / "input"
    for _ in range(100):
        deep = deep / "d"
    os.makedirs(deep)
    deepest_named = picture("/".join("d" * 64) + "/deep.png")
    for path in (deep / "deep.png", data / str(deepest_named)):
        path.write_bytes(b"")
    files, _ = await store.list(FileKind.INPUT, recursive=True)
    assert [file.name for file in files] == [deepest_named]


async def test_a_file_that_is_changed_while_it_is_read_is_not_passed_off_as_whole(store: DiskStore, data: Path) -> None:
    path = data / "input" / "film"
    path.write_bytes(bytes(40 * CHUNK_BYTES))
    with pytest.raises(Aborted, match="changed while it was read"):
        async with store.open(picture("film")) as file:
            async for _ in file:
                with path.open("r+b") as film:
                    film.truncate(3 * CHUNK_BYTES)


async def test_a_digest_that_was_computed_is_remembered(store: DiskStore, data: Path) -> None:
    content = os.urandom(1 << 20)
    (data / "input" / "film").write_bytes(content)
    infos = await asyncio.gather(*(store.stat(picture("film"), digest=True) for _ in range(20)))
    assert {info.blake3 for info in infos} == {blake3(content).hexdigest()}
    path = data / "input" / "film"
    before = path.stat()
    path.write_bytes(bytes(1 << 20))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    # Same size and time: nothing tells that it changed, so a different digest would mean that it was read again.
    assert (await store.stat(picture("film"), digest=True)).blake3 == blake3(content).hexdigest()


@pytest.fixture
def output_elsewhere(data: Path) -> Path:
    elsewhere = Path("/dev/shm")
    data.mkdir()
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == data.stat().st_dev:
        pytest.skip("this machine has one file system")
    (data / "output").symlink_to(elsewhere)
    return data


async def test_kinds_on_several_file_systems_are_refused_at_the_start(output_elsewhere: Path) -> None:
    with pytest.raises(InvalidArgument, match="another file system"):
        async with DiskStore(output_elsewhere):
            pass
