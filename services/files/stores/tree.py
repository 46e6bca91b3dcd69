"""Files as they lie on disk: plain folders that people browse and drop files into."""

from __future__ import annotations

import contextlib
import heapq
import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import msgspec

from services.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from services.files import names
from services.files.records import FileKind, FileName
from services.files.stores.disk_errors import disk_errors
from services.files.stores.paging import sort_key

# NONBLOCK: opening a pipe that somebody put there must not wait for its other end.
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


#: Seconds after which a content that nobody adds to was left by a crash.
SWEPT_AFTER = 24 * 3600.0


class Entry(msgspec.Struct, frozen=True):
    """A file that a walk came across; it may be gone, or a link to no file, by the time it is looked at."""

    name: FileName
    #: absolute
    path: str
    is_link: bool


class Tree:
    """The folders of each kind; the first one that has a file wins, and is the one that is written to.

    Links are followed as long as they stay in their kind's folder. Blocking; raises our own errors.
    """

    def __init__(self, folders: Mapping[FileKind, Sequence[str]]) -> None:
        """A tree of absolute folders, which may be links themselves."""
        self._tops = {kind: [os.path.realpath(folder) for folder in all_] for kind, all_ in folders.items()}

    def find(self, name: FileName) -> tuple[str, os.stat_result]:
        """Where a regular file is, free of links, and its status.

        Raises:
            NotFound: no such file.
            InvalidArgument: this is not a name, or a link leads out of the kind's folder.
        """
        names.validate(name)
        for top in self._tops.get(name.kind, ()):
            with disk_errors(name):
                path = names.resolve(top, name.path)
                try:
                    status = os.lstat(path)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                if stat.S_ISREG(status.st_mode):
                    return path, status
        raise NotFound(f"there is no {name}")

    def open(self, name: FileName) -> int:
        """A file descriptor to read a regular file; raises as `find`."""
        path, _ = self.find(name)
        with disk_errors(name):
            return os.open(path, _OPEN_FLAGS)

    def path_to_write(self, name: FileName) -> str:
        """Where to put a file; makes its folders durably.

        Raises:
            InvalidArgument: a part of the subfolder is a file, or a link leads out of the kind's folder.
        """
        folder = names.resolve(self._tops[name.kind][0], name.subfolder)
        try:
            if not os.path.isdir(folder):
                _make_folders(folder)
        except NotADirectoryError as error:
            raise InvalidArgument(f"a part of {name.subfolder!r} is a file") from error
        return os.path.join(folder, name.filename)

    def incoming(self, model: FileName) -> str:
        """Where to write the content of a model before it gets its name: on the same file system.

        What was left there more than a day ago is swept away.

        Raises:
            FailedPrecondition: there is no folder of models.
            InvalidArgument: a part of the path is a file, or a link leads out of the kind's folder.
        """
        if not self._tops[model.kind]:
            raise FailedPrecondition("there is no folder of models")
        folder = self.path_to_write(FileName(model.kind, model.subfolder.partition("/")[0], names.INCOMING))
        with disk_errors(model):
            os.makedirs(folder, exist_ok=True)
            _sweep(folder, time.time() - SWEPT_AFTER)
        return folder

    def remove(self, name: FileName) -> None:
        """Remove a file durably, or the link that is found under its name; raises as `find`."""
        self.find(name)
        folder = names.resolve(self._tops[name.kind][0], name.subfolder)
        with disk_errors(name):
            os.unlink(os.path.join(folder, name.filename))
            sync_folder(folder)

    def move(self, source: FileName, target: FileName, *, replace: bool) -> None:
        """Rename a file durably, or the link that is found under its name.

        Raises:
            AlreadyExists: the target is taken and not to be replaced.
            NotFound, InvalidArgument: as `find` and `path_to_write`; or the target is a folder.
        """
        self.find(source)
        old = os.path.join(names.resolve(self._tops[source.kind][0], source.subfolder), source.filename)
        new = self.path_to_write(target)
        with disk_errors(target):
            if replace:
                os.replace(old, new)
            else:
                _rename_to_free(old, new, target)
            for folder in {os.path.dirname(old), os.path.dirname(new)}:
                sync_folder(folder)

    def filenames(self, kind: FileKind, subfolder: str) -> list[str]:
        """Everything in a folder."""
        try:
            return os.listdir(names.resolve(self._tops[kind][0], subfolder))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def walk(self, kind: FileKind, subfolder: str, recursive: bool) -> Iterator[Entry]:
        """The files of a folder in the order of `paging.sort_key`; links to folders are not descended into."""
        walks = [_walk(top, kind, subfolder, recursive) for top in self._tops.get(kind, ())]
        if len(walks) == 1:
            return walks[0]
        merged = heapq.merge(*walks, key=lambda entry: sort_key(entry.name))
        return (next(same) for _, same in groupby(merged, key=lambda entry: entry.name))

    def folders(self, kind: FileKind, subfolder: str) -> list[str]:
        """The folders in a folder that files can have names in, in order; links to folders are none."""
        found: set[str] = set()
        for top in self._tops.get(kind, ()):
            try:
                with os.scandir(names.resolve(top, subfolder)) as entries:
                    found |= {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
            except (FileNotFoundError, NotADirectoryError):
                continue
        inside = f"{subfolder}/" if subfolder else ""
        return sorted(name for name in found if names.is_valid(FileName(kind, inside + name, "file")))

    def look(self, entry: Entry) -> os.stat_result | None:
        """The status of the file that a walk came across, None when it is not one that can be read."""
        try:
            if entry.is_link or not names.is_valid(entry.name):
                return self.find(entry.name)[1]
            return os.lstat(entry.path)
        except (OSError, InvalidArgument, NotFound):
            return None


def _sweep(folder: str, before: float) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # somebody else may sweep at the same time
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < before:
                    os.unlink(entry.path)


def sync_folder(folder: str) -> None:
    """Make what was added to a folder or removed from it durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename_to_free(old: str, new: str, target: FileName) -> None:
    try:
        os.link(old, new, follow_symlinks=False)
    except FileExistsError as error:
        raise AlreadyExists(f"{target} exists") from error
    os.unlink(old)


def _walk(top: str, kind: FileKind, subfolder: str, recursive: bool) -> Iterator[Entry]:
    folders: list[str] = []
    try:
        with os.scandir(names.resolve(top, subfolder)) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.name)
        elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
            yield Entry(FileName(kind, subfolder, entry.name), entry.path, entry.is_symlink())
    if not recursive:
        return
    for folder in folders:
        below = f"{subfolder}/{folder}" if subfolder else folder
        if below.count("/") < names.MAX_SUBFOLDER_PARTS:
            yield from _walk(top, kind, below, recursive)


def _make_folders(folder: str) -> None:
    parent = os.path.dirname(folder)
    if not os.path.isdir(parent):
        _make_folders(parent)
    try:
        os.mkdir(folder)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise NotADirectoryError(folder) from None
    else:
        sync_folder(parent)
