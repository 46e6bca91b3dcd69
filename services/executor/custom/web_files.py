"""The scripts that packs have for browsers, on their way to the file service, from which gateways serve them."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from blake3 import blake3

from services.errors import InvalidArgument, ServiceError
from services.files.names import parse_path
from services.files.records import FileInfo, FileKind, FileName, OnConflict

log = logging.getLogger(__name__)

#: Seconds between attempts while the file service is away.
RETRY_INTERVAL = 2.0


class ExtensionFiles(Protocol):
    """What is asked of the file service; raises the errors of `services.errors`."""

    def list_tree(self, kind: FileKind, subfolder: str) -> list[FileInfo]:
        """The files in a folder and in those below it."""
        ...

    def stat_digest(self, name: FileName) -> str:
        """The BLAKE3 of the content."""
        ...

    def put(self, name: FileName, source: Path, on_conflict: OnConflict) -> None:
        """Send a file."""
        ...

    def delete(self, name: FileName) -> None:
        """Remove a file."""
        ...


def keep_publishing(directories: Mapping[str, str], files: ExtensionFiles) -> None:
    """Publish every pack's directory, however long the file service is away."""
    for pack, directory in directories.items():
        while True:
            try:
                publish(pack, Path(directory), files)
                break
            except ServiceError as error:
                log.warning("the scripts of node pack %s are not published yet: %s", pack, error.message)
                time.sleep(RETRY_INTERVAL)
            except OSError as error:
                log.warning("the scripts of node pack %s cannot be read: %s", pack, error)
                break


def publish(pack: str, directory: Path, files: ExtensionFiles) -> None:
    """Make the file service have exactly the files in `directory` as the pack's, sending only what is different.

    Raises:
        ServiceError: the file service is away or refuses one.
        OSError: a file cannot be read.
    """
    there = {info.name: info for info in files.list_tree(FileKind.EXTENSIONS, pack)}
    wanted = dict(_named(pack, directory))
    for name in there.keys() - wanted.keys():
        files.delete(name)
    for name, source in wanted.items():
        if name not in there or not _is_same(there[name], source, files):
            files.put(name, source, OnConflict.OVERWRITE)


def _named(pack: str, directory: Path) -> Iterator[tuple[FileName, Path]]:
    """The files in a directory by their names; links that lead out of it, and what cannot be a name, are left out."""
    top = directory.resolve()
    for folder, subfolders, filenames in os.walk(top):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for filename in sorted(filenames):
            path = Path(folder, filename)
            if filename.startswith(".") or not path.resolve().is_relative_to(top):
                continue
            try:
                yield parse_path(FileKind.EXTENSIONS, f"{pack}/{path.relative_to(top).as_posix()}"), path
            except InvalidArgument as error:
                log.warning("a script of node pack %s is not published: %s", pack, error.message)


def _is_same(there: FileInfo, source: Path, files: ExtensionFiles) -> bool:
    if there.size != source.stat().st_size:
        return False
    digest = there.blake3 or files.stat_digest(there.name)
    return digest == blake3(source.read_bytes()).hexdigest()
