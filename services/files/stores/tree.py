"""Files as they lie on disk: plain folders that people browse and drop files into."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from services.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from services.files import names
from services.files.records import FileKind, FileName
from services.files.stores.disk_errors import disk_errors
from services.files.stores.listings import Listings
from services.files.stores.paging import SortKey
from services.files.stores.places import Place
from services.files.stores.renaming import rename_to_free
from services.files.stores.walking import Entry, walk

# NONBLOCK: opening a pipe that somebody put there must not wait for its other end.
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


#: Seconds after which a content that nobody adds to was left by a crash.
SWEPT_AFTER = 24 * 3600.0


class Tree:
    """The places of each kind; the first one that has a file wins, and is the one that is written to.

    Links are followed as long as they stay in their place, and anywhere in open ones. Blocking; raises our own errors.
    """

    def __init__(self, places: Mapping[FileKind, Sequence[Place]]) -> None:
        self._places = places
        self._listings = Listings()

    def find(self, name: FileName) -> tuple[str, os.stat_result]:
        """Where a regular file is, free of links, and its status.

        Raises:
            NotFound: no such file.
            InvalidArgument: this is not a name, or a link leads out of the kind's folder.
        """
        names.validate(name)
        for place in self._places.get(name.kind, ()):
            with disk_errors(name):
                path = place.resolve(name.path)
                if path is None:
                    continue
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
        folder = self._folder(name)
        with disk_errors(name):
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
        folder = self.path_to_write(FileName(model.kind, model.subfolder.partition("/")[0], names.INCOMING))
        with disk_errors(model):
            os.makedirs(folder, exist_ok=True)
            _sweep(folder, time.time() - SWEPT_AFTER)
        return folder

    def remove(self, name: FileName) -> None:
        """Remove a file durably, or the link that is found under its name; raises as `find`."""
        self.find(name)
        folder = self._folder(name)
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
        old = os.path.join(self._folder(source), source.filename)
        new = self.path_to_write(target)
        with disk_errors(target):
            if replace:
                os.replace(old, new)
            else:
                try:
                    rename_to_free(old, new)
                except FileExistsError as error:
                    raise AlreadyExists(f"{target} exists") from error
            for folder in {os.path.dirname(old), os.path.dirname(new)}:
                sync_folder(folder)

    def filenames(self, prefix: FileName) -> list[str]:
        """What is in a folder and has a name that begins with another."""
        try:
            return self._listings.beginning_with(self._folder(prefix), prefix.filename)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def adding(self, path: str) -> AbstractContextManager[None]:
        """Around giving a file its path."""
        return self._listings.adding(path)

    def walk(self, kind: FileKind, subfolder: str, recursive: bool, after: SortKey) -> Iterator[Entry]:
        """The files of a folder behind `after`, in the order of `paging.sort_key`."""
        return walk(self._listings, self._places.get(kind, ()), kind, subfolder, recursive, after)

    def folders(self, kind: FileKind, subfolder: str) -> list[str]:
        """The folders in a folder that files can have names in, in order; links to folders only in open places."""
        inside = f"{subfolder}/" if subfolder else ""
        found: set[str] = set()
        for place in self._places.get(kind, ()):
            if place.inside != subfolder and place.inside.startswith(inside) and os.path.isdir(place.top):
                found.add(place.inside.removeprefix(inside).partition("/")[0])
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                folder = place.resolve(subfolder)
                if folder is not None:
                    listing = self._listings.get(folder)
                    found.update(listing.folders, listing.linked_folders if place.is_open else ())
        return sorted(name for name in found if names.is_valid(FileName(kind, inside + name, "file")))

    def look(self, entry: Entry) -> os.stat_result | None:
        """The status of the file that a walk came across, None when it is not one that can be read."""
        try:
            if entry.is_link:
                return self.find(entry.name)[1]
            if not names.is_filename(entry.name):
                return None
            status = os.lstat(entry.path)
            return status if stat.S_ISREG(status.st_mode) else None
        except (OSError, InvalidArgument, NotFound):
            return None

    def _folder(self, name: FileName) -> str:
        """The folder to write a file to.

        Raises:
            FailedPrecondition: there is no place for files of this kind.
            InvalidArgument: a link leads out of it.
        """
        for place in self._places.get(name.kind, ()):
            folder = place.resolve(name.subfolder)
            if folder is not None:
                return folder
        raise FailedPrecondition(f"there is no folder of {name.kind.value}")


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
