"""The folders that packs read and write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.errors import AlreadyExists
from services.executor.custom.local_folders import LocalFolders, own_folder
from services.files.records import FileKind, FileName
from tests.executor.custom.bench import SharedFolder


def shows(*names: str) -> bytes:
    return json.dumps({"files": [{"filename": name, "subfolder": "", "type": "output"} for name in names]}).encode()


def write(folders: LocalFolders, name: str, text: str) -> Path:
    path = folders.folder(FileKind.OUTPUT) / name
    path.write_text(text)
    return path


def test_what_was_sent_longest_ago_makes_room_and_comes_back_when_it_is_asked_for(tmp_path: Path) -> None:
    shared = SharedFolder(tmp_path / "shared")
    folders = LocalFolders(tmp_path / "local", shared, kept_bytes=10)
    first = write(folders, "first.txt", "1" * 8)
    folders.publish(shows("first.txt"), shared)
    second = write(folders, "second.txt", "2" * 8)
    folders.publish(shows("second.txt"), shared)
    assert (first.exists(), second.exists()) == (False, True)
    assert folders.fetch(FileName(FileKind.OUTPUT, "", "first.txt")).read_text() == "1" * 8


def test_a_number_that_another_executor_took_is_not_taken_from_it(tmp_path: Path) -> None:
    shared = SharedFolder(tmp_path / "shared")
    folders = LocalFolders(tmp_path / "local", shared)
    write(folders, "a_00001_.txt", "ours")
    taken = tmp_path / "shared" / "output" / "a_00001_.txt"
    taken.parent.mkdir(parents=True)
    taken.write_text("theirs")
    with pytest.raises(AlreadyExists):
        folders.publish(shows("a_00001_.txt"), shared)
    assert taken.read_text() == "theirs"


def test_folders_of_inputs_are_seen_and_their_files_come_when_they_are_named(tmp_path: Path) -> None:
    shared = SharedFolder(tmp_path / "shared")
    there = tmp_path / "shared/input/set"
    there.mkdir(parents=True)
    (there / "a.png").write_text("a")
    (there / "b.png").write_text("b")
    folders = LocalFolders(tmp_path / "local", shared)
    here = folders.folder(FileKind.INPUT)
    folders.show_folders(["set", "other"])
    assert sorted(os.listdir(here)) == ["other", "set"]
    folders.fetch_named(["nothing", "other", "../set"])
    assert os.listdir(here / "set") == []
    folders.fetch_named(["set"])
    assert {path.name: path.read_text() for path in (here / "set").iterdir()} == {"a.png": "a", "b.png": "b"}
    (there / "a.png").write_text("changed")
    (there / "b.png").unlink()
    (here / "set/own.txt").write_text("a pack's")
    folders.fetch_named(["set"])
    assert {path.name: path.read_text() for path in (here / "set").iterdir()} == {
        "a.png": "changed",
        "own.txt": "a pack's",
    }
    folders.show_folders([])
    assert [str(path.relative_to(here)) for path in here.rglob("*")] == ["set", "set/own.txt"]
    (here / "set/own.txt").unlink()
    folders.show_folders([])
    assert os.listdir(here) == []


@pytest.mark.parametrize(
    "shown",
    [
        b'{"files": [{"filename": "../../x", "subfolder": "", "type": "output"}]}',
        b'{"files": [{"filename": "x", "subfolder": "../..", "type": "output"}]}',
        b'{"files": [{"filename": "x", "subfolder": 5, "type": "output"}]}',
        b'{"files": [{"filename": "x", "type": "models"}, {"filename": "x", "type": ["output"]}, "filename"]}',
    ],
)
def test_what_is_no_file_of_a_pack_is_not_sent(tmp_path: Path, shown: bytes) -> None:
    (tmp_path / "x").write_text("secret")
    shared = SharedFolder(tmp_path / "shared")
    LocalFolders(tmp_path / "local", shared).publish(shown, shared)
    assert not (tmp_path / "shared").exists()


def test_folders_of_processes_that_have_ended_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / str(ended.pid)).mkdir()
    (tmp_path / "user").mkdir()
    assert own_folder(tmp_path) == tmp_path / str(os.getpid())
    assert [path.name for path in tmp_path.iterdir()] == ["user"]
