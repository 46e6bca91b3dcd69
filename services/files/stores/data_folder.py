"""The service's own directory: its folders, the lock that makes it one service's, what a crash left behind."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from services.errors import FailedPrecondition, InvalidArgument
from services.files.models.records import ExtraFolder
from services.files.records import FileKind
from services.files.stores.tree import sync_folder

log = logging.getLogger(__name__)


class DataFolder:
    """A data directory that is ours alone until `close`. Blocking."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> Self:
        """Make what is missing, sweep away what a crash left, and empty the temp folder.

        A directory that no file service used before may be somebody's home: its temp folder is left alone.

        Raises:
            InvalidArgument: the directory cannot be read or written, or is spread over several file systems.
            FailedPrecondition: another file service uses it.
        """
        with _readable(path):
            path.mkdir(parents=True, exist_ok=True)
            folder = cls(path, _locked(path))
            try:
                folder._prepare()
            except BaseException:
                folder.close()
                raise
            return folder

    @property
    def incoming(self) -> Path:
        """Where contents are written before they get a name; on the same file system as all kinds."""
        return self.path / ".incoming"

    @property
    def uploads(self) -> Path:
        """Where uploads wait that may be interrupted; on the same file system as all kinds."""
        return self.path / ".uploads"

    @property
    def committed(self) -> Path:
        """What was answered when uploads were committed."""
        return self.path / ".committed"

    @property
    def index(self) -> Path:
        """The file of the digest index."""
        return self.path / "files.sqlite3"

    def folder(self, kind: FileKind) -> Path:
        """The folder of a kind."""
        return self.path / kind.value

    def close(self) -> None:
        """Let another service use the directory."""
        os.close(self._lock)

    def _prepare(self) -> None:
        _empty(self.incoming)
        for folder in (self.uploads, self.committed):
            folder.mkdir(mode=0o700, exist_ok=True)
        for kind in FileKind:
            if not kind.is_read_only:
                self._prepare_kind(kind)
        if self.index.exists():
            _empty(self.folder(FileKind.TEMP))
        elif any(self.folder(FileKind.TEMP).iterdir()):
            log.warning("%s was there before this service, it is emptied from the next start on", FileKind.TEMP.value)
        sync_folder(str(self.path))

    def _prepare_kind(self, kind: FileKind) -> None:
        folder = self.folder(kind)
        folder.mkdir(exist_ok=True)
        if folder.stat().st_dev != self.incoming.stat().st_dev:
            raise InvalidArgument(f"{folder} lies on another file system than {self.path}")


def readable_folders(folders: tuple[Path, ...]) -> list[str]:
    """The same folders; one that does not exist (yet) is worth a warning.

    Raises:
        InvalidArgument: one of them exists and cannot be read.
    """
    for folder in folders:
        if not folder.exists():
            log.warning("there is no folder %s (yet)", folder)
            continue
        with _readable(folder), os.scandir(folder):
            pass
    return [str(folder) for folder in folders]


def readable_extra_folders(folders: Sequence[ExtraFolder]) -> Sequence[ExtraFolder]:
    """The same folders; as `readable_folders`."""
    for folder in folders:
        path = Path(folder.path)
        if not path.exists():
            log.warning("there is no folder %s (yet), of which %s speaks", folder.path, folder.said_in)
            continue
        with _readable(path), os.scandir(path):
            pass
    return folders


def _locked(path: Path) -> int:
    """A lock on the incoming folder, which ends with the process."""
    incoming = path / ".incoming"
    incoming.mkdir(exist_ok=True)
    descriptor = os.open(incoming, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise FailedPrecondition(f"{path} is used by another file service") from error
    return descriptor


def _empty(folder: Path) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidArgument(f"{path} cannot be read: {error.strerror}") from error
