"""Local folders for packs, which read and write files by path, over a file service that has none.

What a pack asks for is copied here under its own name; what it writes here is sent on once a node shows it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import psutil

from services.errors import InvalidArgument, NotFound
from services.files.names import parse, parse_annotated
from services.files.records import FileKind, FileName, OnConflict

log = logging.getLogger(__name__)

#: What packs may see as a folder.
KINDS = (FileKind.INPUT, FileKind.OUTPUT, FileKind.TEMP)

#: Bytes of files that were sent on; the oldest go first.
KEPT_BYTES = 4 << 30

#: A name with a counter as ComfyUI writes it; another file under it is another result.
_COUNTED = re.compile(r"_\d{5,}_?\.[^.]+$")

#: When a file was changed, in nanoseconds, and its size.
_Version = tuple[int, int]
#: What a file was copied from, named by its content, and its size.
_Source = tuple[Path, int]


class SharedFiles(Protocol):
    """What is asked of the file service; raises the errors of `services.errors`."""

    def copy(self, name: FileName) -> Path:
        """A local copy, not to be changed, in a place of its own for every content."""
        ...

    def exists(self, name: FileName) -> bool:
        """Whether there is such a file."""
        ...

    def put(self, name: FileName, source: Path, on_conflict: OnConflict) -> None:
        """Send a file."""
        ...

    def list_folder(self, kind: FileKind, subfolder: str) -> list[str]:
        """The names of the files in a folder, without those in folders in it."""
        ...


class LocalFolders:
    """The folders input, output and temp under `top`, which is made empty and is this process's own."""

    def __init__(self, top: Path, files: SharedFiles, kept_bytes: int = KEPT_BYTES) -> None:
        self.top = top
        self._kept_bytes = kept_bytes
        self._sent: dict[Path, int] = {}
        self._files = files
        self._known: dict[Path, _Version] = {}
        self._sources: dict[Path, _Source] = {}
        shutil.rmtree(top, ignore_errors=True)
        for kind in KINDS:
            self.folder(kind).mkdir(parents=True)

    def folder(self, kind: FileKind) -> Path:
        """Where files of a kind lie."""
        return self.top / kind.value

    def place(self, name: FileName) -> Path:
        """Where a file lies once it is here."""
        return self.folder(name.kind) / name.path

    def fetch(self, name: FileName) -> Path:
        """Have the file here, as it is in the file service now.

        Raises:
            NotFound: it is neither there nor here.
            InvalidArgument: this is not a name.
        """
        path = self.place(name)
        if self._is_own(path):
            return path
        copy = self._files.copy(name)
        source = copy, copy.stat().st_size
        if path.is_file() and self._sources.get(path) == source:
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        arriving = path.with_name(f".{path.name}.arriving")
        shutil.copyfile(copy, arriving)
        os.replace(arriving, path)
        self._remember(path)
        self._sources[path] = source
        return path

    def exists(self, name: FileName) -> bool:
        """Whether the file is here or there."""
        return self._is_own(self.place(name)) or self._files.exists(name)

    def fetch_named(self, texts: Iterable[str]) -> None:
        """Have those files here that are inputs by one of these texts, or are in a folder of inputs by one of them, for
        packs that join paths themselves."""
        for text in texts:
            try:
                name = parse_annotated(text)
            except InvalidArgument:
                continue
            if name.kind is FileKind.INPUT and self.place(name).is_dir():
                self._fetch_folder(name.path)
            elif self.place(name).is_file():
                try:
                    self.fetch(name)
                except NotFound:
                    self.place(name).unlink()

    def show_what_is_there(self) -> None:
        """Have stand-ins for the inputs that there are now."""
        self.show_inputs(self._files.list_folder(FileKind.INPUT, ""))

    def show_inputs(self, names: Iterable[str]) -> None:
        """Have empty stand-ins for the inputs that there are, for packs that list the folder themselves."""
        folder = self.folder(FileKind.INPUT)
        wanted = set(names)
        here = {entry.name for entry in os.scandir(folder) if entry.is_file() and not entry.name.startswith(".")}
        for name in wanted - here:
            (folder / name).touch()
            self._remember(folder / name)
            self._sources.pop(folder / name, None)
        for name in here - wanted:
            if not self._is_own(folder / name):
                (folder / name).unlink(missing_ok=True)

    def show_folders(self, names: Iterable[str]) -> None:
        """Have the folders of inputs that there are, for packs that list them themselves."""
        top = self.folder(FileKind.INPUT)
        wanted = set(names)
        for name in wanted:
            with contextlib.suppress(FileExistsError):  # a pack has made a file of it
                (top / name).mkdir(exist_ok=True)
        for entry in os.scandir(top):
            if entry.is_dir(follow_symlinks=False) and entry.name not in wanted:
                self._drop_others(Path(entry.path), set())
                with contextlib.suppress(OSError):  # a pack has put something there
                    os.rmdir(entry.path)

    def _fetch_folder(self, subfolder: str) -> None:
        filenames = self._files.list_folder(FileKind.INPUT, subfolder)
        there = {filename: FileName(FileKind.INPUT, subfolder, filename) for filename in filenames}
        self._drop_others(self.folder(FileKind.INPUT) / subfolder, there.keys())
        for name in there.values():
            with contextlib.suppress(NotFound):  # it has gone meanwhile
                self.fetch(name)

    def _drop_others(self, folder: Path, wanted: Collection[str]) -> None:
        """Delete copies in a folder of what is not wanted any more."""
        for path in folder.iterdir():
            if path.is_file() and path.name not in wanted and not self._is_own(path):
                path.unlink()

    def last_number(self, prefix: FileName) -> int:
        """The highest number among the files `PREFIX_NUMBER_...`, 0 when there are none."""
        pattern = re.compile(re.escape(prefix.filename) + r"_(\d+)_")
        folder = self.folder(prefix.kind) / prefix.subfolder
        names = self._files.list_folder(prefix.kind, prefix.subfolder)
        if folder.is_dir():
            names += os.listdir(folder)
        return max((int(found[1]) for name in names if (found := pattern.match(name))), default=0)

    def publish(self, output_json: bytes, files: SharedFiles) -> None:
        """Send on the files that a node shows and that it wrote here to where those of its run belong.

        Raises:
            AlreadyExists: another executor has just taken the same number.
            ResourceExhausted: the disk of the file service is full.
        """
        if b'"filename"' not in output_json:
            return
        for name in _files_in(json.loads(output_json)):
            path = self.place(name)
            if path.is_file() and self._is_own(path):
                counted = _COUNTED.search(name.filename)
                files.put(name, path, OnConflict.FAIL if counted else OnConflict.OVERWRITE)
                self._remember(path)
                self._sent[path] = path.stat().st_size
        self._make_room()

    def remove(self) -> None:
        """Delete the folders: nobody works with them."""
        shutil.rmtree(self.top, ignore_errors=True)

    def _make_room(self) -> None:
        """Delete what was sent on longest ago; whoever asks for it again gets it from the file service."""
        excess = sum(self._sent.values()) - self._kept_bytes
        for path, size in list(self._sent.items()):
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            del self._sent[path]
            excess -= size

    def _is_own(self, path: Path) -> bool:
        """Whether a pack has written the file."""
        return path.is_file() and self._known.get(path) != _version(path)

    def _remember(self, path: Path) -> None:
        self._known[path] = _version(path)


def own_folder(parent: Path) -> Path:
    """A folder in `parent` for this process; those of processes that have ended are removed."""
    parent.mkdir(parents=True, exist_ok=True)
    for entry in os.scandir(parent):
        if entry.name.isdecimal() and not psutil.pid_exists(int(entry.name)):
            shutil.rmtree(entry.path, ignore_errors=True)
    return parent / str(os.getpid())


def _version(path: Path) -> _Version:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _files_in(shown: Any) -> Iterator[FileName]:
    """The files that a node's output names anywhere in it."""
    if isinstance(shown, list):
        for item in shown:
            yield from _files_in(item)
    elif isinstance(shown, dict):
        if name := _as_name(shown):
            yield name
        for item in shown.values():
            yield from _files_in(item)


def _as_name(shown: dict[str, Any]) -> FileName | None:
    filename, subfolder, kind = shown.get("filename"), shown.get("subfolder") or "", shown.get("type")
    if not (isinstance(filename, str) and isinstance(subfolder, str) and isinstance(kind, str)):
        return None
    if kind not in {known.value for known in KINDS}:
        return None
    try:
        return parse(FileKind(kind), subfolder, filename)
    except InvalidArgument as error:
        log.warning("a node shows a file that has no name here: %s", error)
        return None
