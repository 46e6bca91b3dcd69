"""Packs that read and write by path, for users who have files of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.executor.custom import space_folders
from services.executor.custom.space_folders import SpaceFolders
from services.executor.engine.context import in_space
from services.files.records import FileKind, FileName
from services.graph.events import ExecutionFailed
from services.queue.packs import HttpRequest
from tests.executor.custom.bench import PACKS, PackBench, Prompt, SharedFolder, shown
from tests.executor.custom.conftest import Load
from tests.executor.custom.test_pack_server import answered, request

BY_PATH = (PACKS / "by_path.py").read_text()

LISTING = """
import os
import folder_paths
from aiohttp import web
from server import PromptServer

@PromptServer.instance.routes.get("/mine/inputs")
async def inputs(request):
    return web.json_response(sorted(os.listdir(folder_paths.get_input_directory())))

NODE_CLASS_MAPPINGS = {}
"""

REMEMBERING = """
import os
import folder_paths

class Remembering:
    RETURN_TYPES = ()
    FUNCTION = "go"
    CATEGORY = "pack"
    OUTPUT_NODE = True

    def __init__(self):
        self.output_dir = folder_paths.get_output_directory()

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {})}}

    def go(self, text):
        with open(os.path.join(self.output_dir, "a.txt"), "w") as file:
            file.write(text)
        return {"ui": {"files": [{"filename": "a.txt", "subfolder": "", "type": "output"}]}}

NODE_CLASS_MAPPINGS = {"Remembering": Remembering}
"""


def put(bench: PackBench, user: str, content: str) -> None:
    place = bench.files.within(user).place(FileName(FileKind.INPUT, "", "note.txt"))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content)


@pytest.mark.parametrize("how", ["annotated", "joined"])
def test_an_input_is_that_of_whoever_runs(load: Load, how: str) -> None:
    bench = load(by_path=BY_PATH)
    prompt: Prompt = {"out": ("PackRead", {"file": "note.txt", "how": how})}
    put(bench, "ann", "ann's")
    put(bench, "bob", "bob's, and longer")
    for user, text in (("ann", "ann's"), ("bob", "bob's, and longer"), ("ann", "ann's")):
        assert shown(bench.run(prompt, user=user))["text"][0] == text
    assert isinstance(bench.run(prompt, user="eve")[-1], ExecutionFailed)


def test_what_is_written_goes_to_the_space_of_whoever_runs(load: Load) -> None:
    bench = load(by_path=BY_PATH)
    for user in ("ann", "bob"):
        events = bench.run({"out": ("PackWrite", {"prefix": "note", "text": user})}, user=user)
        assert shown(events)["files"] == [{"filename": "note_00001_.txt", "subfolder": "", "type": "output"}]
        assert (bench.shared / "output/users" / user / "note_00001_.txt").read_text() == user


def test_an_object_that_remembers_a_folder_writes_to_that_of_nobody_else(load: Load) -> None:
    bench = load(remembering=REMEMBERING)
    for user in ("ann", "bob"):
        bench.run({"out": ("Remembering", {"text": user})}, user=user)
        assert (bench.shared / "output/users" / user / "a.txt").read_text() == user


def test_a_handler_sees_the_files_of_whoever_asks(load: Load) -> None:
    bench = load(by_path=BY_PATH, listing=LISTING)
    put(bench, "ann", "ann's")
    bench.run({"out": ("PackRead", {"file": "note.txt", "how": "joined"})}, user="ann")
    forged = (("Silverprint-File-Space", "ann"),)
    for number, (user, names) in enumerate([("ann", b'["note.txt"]'), ("bob", b"[]"), ("", b"[]")]):
        request(bench, HttpRequest("GET", "/mine/inputs", headers=forged, file_space=user), str(number))
        assert answered(bench, str(number))[1] == names


def test_the_folders_of_few_users_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space_folders, "MOST_SPACES", 2)
    spaces = SpaceFolders(tmp_path / "local", SharedFolder(tmp_path / "shared"))
    folders = {}
    for user in ("ann", "bob", "ann", "cid"):
        with in_space(user):
            folders[user] = spaces.current
    assert {user: it.folder(FileKind.INPUT).is_dir() for user, it in folders.items()} == {
        "ann": True,
        "bob": False,
        "cid": True,
    }
    assert spaces.current is spaces.of("")
    spaces.running = "ann"  # as a thread of a node sees it
    assert spaces.current is folders["ann"]
