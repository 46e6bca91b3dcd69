"""The digests of files on disk: remembered, or computed when somebody asks."""

from __future__ import annotations

import os
from collections.abc import Mapping

from blake3 import blake3

from services.errors import InvalidArgument, NotFound
from services.files.chunks import CHUNK_BYTES
from services.files.records import FileKind, FileName
from services.files.stores.digest_index import DigestIndex, Version
from services.files.stores.reading import Reading
from services.files.stores.tree import Tree


class Digests:
    """Digests by name, and files by digest. Blocking; raises as `Tree.find`."""

    def __init__(self, tree: Tree, index: DigestIndex) -> None:
        self._tree = tree
        self._index = index

    def known(self, name: FileName, version: Version) -> str | None:
        """The digest of a file, when it was computed for this version."""
        return self._index.get(str(name), version)

    def all_known(self, versions: Mapping[FileName, Version]) -> dict[FileName, str]:
        """The digests of those files whose digests were computed for these versions."""
        paths = {str(name): name for name in versions}
        known = self._index.get_all(list(paths))
        return {paths[path]: digest for path, (version, digest) in known.items() if versions[paths[path]] == version}

    def remember(self, name: FileName, version: Version, digest: str) -> None:
        """Keep a digest that was computed while the file was written."""
        self._index.put(str(name), version, digest)

    def forget(self, name: FileName) -> None:
        """The file is gone."""
        self._index.forget(str(name))

    def of(self, name: FileName) -> tuple[Version, str]:
        """The digest of a file as it is now, and which version that is.

        Raises:
            Aborted: it changed meanwhile.
        """
        reading = Reading(name, self._tree.open(name))
        try:
            digest = self.known(name, reading.version)
            if digest is None:
                digest = _compute(reading)
                self.remember(name, reading.version, digest)
            return reading.version, digest
        finally:
            reading.close()

    def read(self, name: FileName) -> str:
        """The digest of what lies under a name, read now whatever is remembered; raises as `of`."""
        reading = Reading(name, self._tree.open(name))
        try:
            return _compute(reading)
        finally:
            reading.close()

    def open(self, digest: str) -> tuple[FileName, Reading] | None:
        """Any file of this content."""
        for path, version in self._index.paths(digest):
            name = name_of(path)
            try:
                reading = Reading(name, self._tree.open(name))
            except (NotFound, InvalidArgument):
                self.forget(name)
                continue
            if reading.version == version:
                return name, reading
            reading.close()
            self.forget(name)
        return None


def _compute(reading: Reading) -> str:
    hash = blake3()
    for position in range(0, reading.version.size, CHUNK_BYTES):
        hash.update(reading.read(position, min(CHUNK_BYTES, reading.version.size - position)))
    return hash.hexdigest()


def name_of(path: str) -> FileName:
    """The name of a path as the index has it."""
    kind, _, rest = path.partition("/")
    subfolder, filename = os.path.split(rest)
    return FileName(FileKind(kind), subfolder, filename)
