"""Listings of folders that are kept, and noticed to be old."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.files.stores import listings
from services.files.stores.listings import Listings


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that are read, in order."""
    found: list[str] = []
    read = listings._read

    def counted(folder: str) -> listings.Listing:
        found.append(folder)
        return read(folder)

    monkeypatch.setattr(listings, "_read", counted)
    return found


def touch(path: Path) -> None:
    path.write_bytes(b"")


def age(folder: Path) -> None:
    """Have a folder changed long ago."""
    os.utime(folder, (time.time() - 60,) * 2)


def test_a_listing_tells_files_links_and_folders_apart(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    touch(tmp_path / "b")
    touch(tmp_path / "a")
    (tmp_path / "to a").symlink_to("a")
    (tmp_path / "to nothing").symlink_to("nothing")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "to folder").symlink_to("folder")
    os.mkfifo(tmp_path / "pipe")
    listing = Listings().get(str(tmp_path))
    assert listing.files == ["a", "b", "loop", "to a", "to nothing"]
    assert listing.links == {"loop", "to a", "to nothing"}
    assert (listing.folders, listing.linked_folders) == (["folder"], ["to folder"])


def test_a_folder_that_did_not_change_is_read_once(tmp_path: Path, reads: list[str]) -> None:
    kept = Listings()
    touch(tmp_path / "a")
    age(tmp_path)
    for _ in range(10):
        assert kept.get(str(tmp_path)).files == ["a"]
    assert len(reads) == 1
    touch(tmp_path / "b")
    assert kept.get(str(tmp_path)).files == ["a", "b"]
    (tmp_path / "a").unlink()
    assert kept.get(str(tmp_path)).files == ["b"]


def test_a_folder_that_changed_just_now_is_read_again_since_its_clock_may_not_have_moved(tmp_path: Path) -> None:
    kept = Listings()
    for number in range(50):
        touch(tmp_path / f"{number:02}")
        assert len(kept.get(str(tmp_path)).files) == number + 1


def test_who_numbers_files_does_not_read_the_folder_for_each(tmp_path: Path, reads: list[str]) -> None:
    kept = Listings()
    touch(tmp_path / "p_00007_.png")
    assert kept.beginning_with(str(tmp_path), "p_") == ["p_00007_.png"]
    for number in range(20):
        path = tmp_path / f"q{number}_00001_.png"
        assert kept.beginning_with(str(tmp_path), f"q{number}_") == []
        with kept.adding(str(path)):
            touch(path)
        assert kept.beginning_with(str(tmp_path), f"q{number}_") == [path.name]
    assert len(reads) == 1
    assert len(kept.get(str(tmp_path)).files) == 21


def test_what_we_add_to_a_folder_that_is_kept_is_listed_without_reading_it_again(
    tmp_path: Path, reads: list[str]
) -> None:
    kept = Listings()
    touch(tmp_path / "b")
    age(tmp_path)
    kept.get(str(tmp_path))
    for name in ("c", "a", "d"):
        with kept.adding(str(tmp_path / name)):
            touch(tmp_path / name)
    for _ in range(2):
        assert kept.get(str(tmp_path)).files == ["a", "b", "c", "d"]
    with kept.adding(str(tmp_path / "e")):
        touch(tmp_path / "e")
    assert kept.beginning_with(str(tmp_path), "") == ["a", "b", "c", "d", "e"]
    assert kept.get(str(tmp_path)).files[-1] == "e"
    assert len(reads) == 1
    touch(tmp_path / "by hand")
    assert "by hand" in kept.get(str(tmp_path)).files


def test_after_a_while_a_folder_is_read_again_since_not_all_file_systems_keep_its_time(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Listings()
    age(tmp_path)
    before = tmp_path.stat()
    assert kept.get(str(tmp_path)).files == []
    touch(tmp_path / "a")
    os.utime(tmp_path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert kept.get(str(tmp_path)).files == []
    monkeypatch.setattr(listings, "TRUST_NS", -1)
    assert kept.get(str(tmp_path)).files == ["a"]
    assert len(reads) == 2


def test_a_file_that_could_not_be_added_is_not_listed(tmp_path: Path, reads: list[str]) -> None:
    kept = Listings()
    age(tmp_path)
    kept.get(str(tmp_path))
    with pytest.raises(FileExistsError), kept.adding(str(tmp_path / "a")):
        raise FileExistsError
    assert kept.get(str(tmp_path)).files == []


def test_many_who_add_and_list_at_once_miss_nothing(tmp_path: Path) -> None:
    kept = Listings()
    age(tmp_path)
    kept.get(str(tmp_path))

    def add(worker: int) -> None:
        for number in range(40):
            path = tmp_path / f"{worker} {number:02}"
            with kept.adding(str(path)):
                touch(path)
            assert path.name in kept.get(str(tmp_path)).files

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(6)))
    files = kept.get(str(tmp_path)).files
    assert files == sorted(set(files))
    assert len(files) == 240


def test_what_others_add_is_seen_by_who_numbers_files(tmp_path: Path, reads: list[str]) -> None:
    kept = Listings()
    age(tmp_path)
    assert kept.beginning_with(str(tmp_path), "p") == []
    touch(tmp_path / "p_00009_.png")
    with kept.adding(str(tmp_path / "q")):
        touch(tmp_path / "q")
    assert kept.beginning_with(str(tmp_path), "p") == ["p_00009_.png"]
    assert len(reads) == 2


def test_names_with_a_beginning_are_found_among_all_others(tmp_path: Path) -> None:
    for name in ("p", "p_1", "pz", "o", "q", "p\U0010fffe", "P"):
        touch(tmp_path / name)
    (tmp_path / "p folder").mkdir()
    assert set(Listings().beginning_with(str(tmp_path), "p")) == {"p", "p_1", "pz", "p\U0010fffe", "p folder"}


def test_there_is_an_end_to_what_is_kept(tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "MAX_NAMES", 100)
    kept = Listings()
    folders = [tmp_path / str(number) for number in range(5)]
    for folder in folders:
        folder.mkdir()
        for number in range(30):
            touch(folder / str(number))
        age(folder)
        kept.get(str(folder))
    kept.get(str(folders[-1]))
    assert len(reads) == 5
    kept.get(str(folders[0]))
    assert len(reads) == 6


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    kept = Listings()
    folder = tmp_path / "folder"
    folder.mkdir()
    kept.get(str(folder))
    folder.rmdir()
    with pytest.raises(FileNotFoundError):
        kept.get(str(folder))
