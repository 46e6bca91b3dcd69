"""A node's surroundings without an engine: its context, and files in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from blake3 import blake3

from services.errors import NotFound
from services.executor.engine.context import NodeContext, RunContext, enter_context, leave_context
from services.files import names
from services.files.records import FileKind, FileName
from services.files.spaces import EVERYBODYS, Space
from services.graph.events import ExecutionEvent, NodeRef


@dataclass
class FolderFiles:
    """Fulfils `NodeFiles` for one test."""

    folder: Path
    space: Space = EVERYBODYS

    def place(self, name: FileName) -> Path:
        return self.folder / str(self.space.placed(name))

    def fetch(self, name: FileName) -> Path:
        names.validate(name)
        path = self.place(name)
        if not path.is_file():
            raise NotFound(f"there is no file {name}")
        return path

    def stat_digest(self, name: FileName) -> str:
        return blake3(self.fetch(name).read_bytes()).hexdigest()

    def exists(self, name: FileName) -> bool:
        return self.place(name).is_file()

    def list_folder(self, kind: FileKind, subfolder: str) -> list[str]:
        folder = self.folder / kind.value / self.space.folder(kind, subfolder)
        return [path.name for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []

    def save(self, kind: FileKind, subfolder: str, filename_prefix: str, extension: str, data: bytes) -> FileName:
        number = 1
        while self.exists(name := names.numbered(FileName(kind, subfolder, filename_prefix), number, extension)):
            number += 1
        path = self.place(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return name

    def save_file(self, kind: FileKind, subfolder: str, filename_prefix: str, extension: str, source: Path) -> FileName:
        return self.save(kind, subfolder, filename_prefix, extension, source.read_bytes())


@dataclass
class Surroundings:
    """What a node under test sees, and what it said."""

    run: RunContext
    folder: Path
    events: list[ExecutionEvent] = field(default_factory=list)


@pytest.fixture
def surroundings(tmp_path: Path) -> Iterator[Surroundings]:
    made = Surroundings(RunContext(prompt_id="p", files=FolderFiles(tmp_path)), tmp_path)
    (tmp_path / "input").mkdir()
    token = enter_context(NodeContext(made.run, NodeRef.of_workflow("7"), made.events.append))
    yield made
    leave_context(token)
