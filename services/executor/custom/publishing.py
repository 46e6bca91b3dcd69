"""What packs have for browsers, on its way to the file service, from which gateways serve it."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from blake3 import blake3

from services.errors import InvalidArgument, ServiceError
from services.files.names import parse_path
from services.files.records import FileInfo, FileKind, FileName, OnConflict

log = logging.getLogger(__name__)

#: Seconds between attempts while the file service is away.
RETRY_INTERVAL = 2.0


class PublishedFiles(Protocol):
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


@dataclass(frozen=True)
class Publication:
    """All that a pack has of a kind."""

    kind: FileKind
    pack: str
    #: where it goes below the pack, "" for no further folder, to the directory that has it
    directories: Mapping[str, Path]


def keep_publishing(publications: Iterable[Publication], files: PublishedFiles) -> None:
    """Publish everything, however long the file service is away."""
    for publication in publications:
        what = f"the {publication.kind.value} of node pack {publication.pack}"
        while True:
            try:
                publish(publication, files)
                break
            except ServiceError as error:
                log.warning("%s are not published yet: %s", what, error.message)
                time.sleep(RETRY_INTERVAL)
            except OSError as error:
                log.warning("%s cannot be read: %s", what, error)
                break


def publish(publication: Publication, files: PublishedFiles) -> None:
    """Make the file service have exactly the files of a publication, sending only what is different.

    Raises:
        ServiceError: the file service is away or refuses one.
        OSError: a file cannot be read.
    """
    there = {info.name: info for info in files.list_tree(publication.kind, publication.pack)}
    wanted: dict[FileName, Path] = {}
    for place, directory in publication.directories.items():
        wanted |= _named(publication.kind, "/".join(filter(None, (publication.pack, place))), directory)
    for name in there.keys() - wanted.keys():
        files.delete(name)
    for name, source in wanted.items():
        if name not in there or not _is_same(there[name], source, files):
            files.put(name, source, OnConflict.OVERWRITE)


def _named(kind: FileKind, place: str, directory: Path) -> dict[FileName, Path]:
    """The files in a directory by their names; links that lead out of it, and what cannot be a name, are left out."""
    found = {}
    top = directory.resolve()
    for folder, subfolders, filenames in os.walk(top):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for filename in sorted(filenames):
            path = Path(folder, filename)
            if filename.startswith(".") or not path.resolve().is_relative_to(top):
                continue
            try:
                found[parse_path(kind, f"{place}/{path.relative_to(top).as_posix()}")] = path
            except InvalidArgument as error:
                log.warning("a file of %s is not published: %s", place, error.message)
    return found


def _is_same(there: FileInfo, source: Path, files: PublishedFiles) -> bool:
    if there.size != source.stat().st_size:
        return False
    digest = there.blake3 or files.stat_digest(there.name)
    return digest == blake3(source.read_bytes()).hexdigest()
