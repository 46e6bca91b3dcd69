"""Names that a file gets only when nobody has them."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

import pytest

from services.files.stores import renaming
from services.files.stores.renaming import rename_to_free


def refusing(*_: object) -> int:
    """A kernel, or a file system, that cannot do it."""
    ctypes.set_errno(errno.EINVAL)
    return -1


@pytest.fixture(params=["at once", "in two steps", "no such call"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "at once":
        monkeypatch.setattr(renaming, "_RENAMEAT2", refusing if request.param == "in two steps" else None)
    return str(request.param)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "é old"
    path.write_bytes(b"content")
    return path


def test_a_free_name_is_taken(way: str, file: Path, tmp_path: Path) -> None:
    rename_to_free(str(file), str(tmp_path / "new"))
    assert (tmp_path / "new").read_bytes() == b"content"
    assert not file.exists()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_taken_name_is_left_alone(way: str, file: Path, tmp_path: Path, kind: str) -> None:
    taken = tmp_path / "taken"
    if kind == "file":
        taken.write_bytes(b"theirs")
    elif kind == "folder":
        taken.mkdir()
    else:
        taken.symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        rename_to_free(str(file), str(taken))
    assert file.read_bytes() == b"content"


def test_a_link_is_renamed_and_not_what_it_leads_to(way: str, file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(file.name)
    rename_to_free(str(tmp_path / "link"), str(tmp_path / "new"))
    assert (tmp_path / "new").readlink() == Path(file.name)
    assert file.exists()


def test_what_is_not_there_is_not_renamed(way: str, file: Path, tmp_path: Path) -> None:
    for old, new in ((tmp_path / "no", tmp_path / "new"), (file, tmp_path / "no" / "new")):
        with pytest.raises(FileNotFoundError):
            rename_to_free(str(old), str(new))


def test_this_system_can_do_it_at_once(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def linked(*_: object, **__: object) -> None:
        raise AssertionError("in two steps")

    if renaming._RENAMEAT2 is None:
        pytest.skip("no renameat2")
    monkeypatch.setattr(os, "link", linked)
    rename_to_free(str(file), str(tmp_path / "new"))
