"""Walks over folders on disk, from the start or from any file on."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.files.records import FileKind
from services.files.stores import listings
from services.files.stores.listings import Listings
from services.files.stores.paging import SortKey, sort_key
from services.files.stores.places import Place
from services.files.stores.walking import walk

START: SortKey = ((), "")


def touch(top: Path, *paths: str) -> None:
    for path in paths:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(b"")


def walked(places: list[Place], subfolder: str = "", after: SortKey = START, recursive: bool = True) -> list[str]:
    return [entry.name.path for entry in walk(Listings(), places, FileKind.INPUT, subfolder, recursive, after)]


PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(lambda parts: "/".join([*parts, "f"]))


@settings(max_examples=40, deadline=None)
@given(st.sets(PATHS, max_size=12), PATHS, st.sampled_from(["", "a", "a/b", "c"]))
def test_a_walk_from_a_file_on_is_the_rest_of_the_whole_one(paths: set[str], path: str, subfolder: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        touch(Path(folder), *paths)
        place = Place.of(folder)
        entries = list(walk(Listings(), [place], FileKind.INPUT, subfolder, True, START))
        inside = [it for it in paths if not subfolder or it.startswith(f"{subfolder}/")]
        keys = [sort_key(entry.name) for entry in entries]
        assert sorted(entry.name.path for entry in entries) == sorted(inside)
        assert keys == sorted(keys)
        *parts, filename = path.split("/")
        after = tuple(parts), filename
        rest = walked([place], subfolder, after)
        assert rest == [entry.name.path for entry in entries if sort_key(entry.name) > after]


def test_folders_that_lie_before_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a/x", "a/b/x", "b/x", "b/c/x", "b/c/y", "d/x")
    reads: list[str] = []
    read = listings._read

    def counted(folder: str) -> listings.Listing:
        reads.append(folder)
        return read(folder)

    monkeypatch.setattr(listings, "_read", counted)
    assert walked([Place.of(str(tmp_path))], after=(("b", "c"), "x")) == ["b/c/y", "d/x"]
    assert sorted(Path(folder).relative_to(tmp_path).as_posix() for folder in reads) == [".", "b", "b/c", "d"]


def test_a_place_may_be_a_subfolder(tmp_path: Path) -> None:
    touch(tmp_path, "root/vae/a", "root/loras/l", "more/b", "more/sd/c", "more/a")
    places = [Place.of(str(tmp_path / "root")), Place.of(str(tmp_path / "more"), "vae")]
    assert walked(places) == ["loras/l", "vae/a", "vae/b", "vae/sd/c"]
    assert walked(places, "vae") == ["vae/a", "vae/b", "vae/sd/c"]
    assert walked(places, "vae", recursive=False) == ["vae/a", "vae/b"]
    assert walked(places, "vae/sd") == ["vae/sd/c"]
    assert walked(places, "", recursive=False) == []
    assert walked(places, after=(("vae",), "a")) == ["vae/b", "vae/sd/c"]


def test_links_are_followed_in_open_places_alone(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/big", "elsewhere/sub/bigger", "top/a")
    (tmp_path / "top" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "top" / "single").symlink_to(tmp_path / "elsewhere" / "big")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "top")
    (tmp_path / "elsewhere" / "sub" / "round").symlink_to(tmp_path / "elsewhere")
    top = str(tmp_path / "top")
    assert walked([Place.of(top, is_open=True)]) == ["a", "single", "linked/big", "linked/sub/bigger"]
    assert walked([Place.of(top)]) == ["a", "single"]


def test_a_folder_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a/x", "lost+found/x", "z")
    read = listings._read

    def refusing(folder: str) -> listings.Listing:
        if folder.endswith("lost+found"):
            raise PermissionError(13, "Permission denied", folder)
        return read(folder)

    monkeypatch.setattr(listings, "_read", refusing)
    assert walked([Place.of(str(tmp_path))]) == ["z", "a/x"]
    with pytest.raises(PermissionError):
        walked([Place.of(str(tmp_path))], "lost+found")
