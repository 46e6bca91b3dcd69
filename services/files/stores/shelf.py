"""Giving contents their names on disk."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping

from services.errors import Aborted, InvalidArgument, NotFound
from services.files.records import FileInfo, FileKind, FileName, Target
from services.files.stores import placing
from services.files.stores.content import Content
from services.files.stores.digest_index import Version
from services.files.stores.digests import Digests
from services.files.stores.owners import Owners
from services.files.stores.tree import Tree, sync_folder


class Shelves:
    """The tree in which contents get their names, and what is known about the digests of those there."""

    def __init__(self, tree: Tree, digests: Digests, owners: Owners) -> None:
        self.tree = tree
        self.digests = digests
        self.owners = owners
        #: held while what lies under a name is replaced: whether it may be can depend on what is there
        self.changing = threading.Lock()

    def shelf(self, content: Content, digest: str, before: Callable[[FileName], None] | None = None) -> DiskShelf:
        """A place for one content; `before` hears each name just before the content is given it."""
        return DiskShelf(self, content, digest, before)

    def forget(self, name: FileName) -> None:
        """The file is gone."""
        self.digests.forget(name)
        self.owners.forget(name)

    def describe(self, name: FileName) -> FileInfo:
        """What is known about a file; raises as `Tree.find`."""
        _, status = self.tree.find(name)
        version = Version.of(status)
        return file_info(name, version, self.digests.known(name, version))

    def describe_all(self, versions: Mapping[FileName, Version]) -> list[FileInfo]:
        """What is known about files whose versions were just seen."""
        known = self.digests.all_known(versions)
        return [file_info(name, version, known.get(name)) for name, version in versions.items()]


class DiskShelf:
    """A finished content that waits for its name; implements `placing.Shelf`. Blocking."""

    def __init__(
        self, shelves: Shelves, content: Content, digest: str, before: Callable[[FileName], None] | None
    ) -> None:
        self._shelves = shelves
        self._content = content
        self._digest = digest
        self._before = before
        self._info: FileInfo | None = None

    def place(self, target: Target, counters: placing.Counters) -> FileInfo:
        """Give the content its name; raises as `placing.place`."""
        name = placing.place(
            self, counters, target.name, target.on_conflict, target.numbered_extension, target.replaced_blake3
        )
        if self._info is None:
            return self._shelves.describe(name)
        self._shelves.owners.set(name, target.owner, self._info.size)
        return self._info

    def put(self, name: FileName) -> bool:
        path = self._path(name)
        try:
            with self._shelves.tree.adding(path):
                self._content.put(path)
        except FileExistsError:
            return False
        self._placed(name, path)
        return True

    def replace(self, name: FileName, replaced_blake3: str | None) -> None:
        path = self._path(name)
        with self._shelves.changing:
            if replaced_blake3 is not None and self._present(name) != replaced_blake3:
                raise Aborted(f"{name} has changed")
            self._content.replace(path)
        self._placed(name, path)

    def holds(self, name: FileName) -> bool:
        try:
            _, status = self._shelves.tree.find(name)
            return status.st_size == self._content.size and self._shelves.digests.of(name)[1] == self._digest
        except (NotFound, InvalidArgument, Aborted):
            return False

    def filenames(self, beside: FileName) -> list[str]:
        return self._shelves.tree.filenames(beside)

    def _path(self, name: FileName) -> str:
        path = self._shelves.tree.path_to_write(name)
        if self._before:
            self._before(name)
        return path

    def _present(self, name: FileName) -> str | None:
        try:
            return self._shelves.digests.read(name)
        except NotFound:
            return None

    def _placed(self, name: FileName, path: str) -> None:
        self._shelves.digests.remember(name, self._content.version, self._digest)
        if outlives_power(name):
            sync_folder(os.path.dirname(path))
        self._info = file_info(name, self._content.version, self._digest)


def outlives_power(name: FileName) -> bool:
    """Whether a file has to be on disk before it is answered for: the temp folder is emptied at the next start."""
    return name.kind is not FileKind.TEMP


def file_info(name: FileName, version: Version, digest: str | None) -> FileInfo:
    """What is told about a file on disk."""
    return FileInfo(name, version.size, digest, version.mtime_ns // 1_000 / 1e6)
