"""Whose the files on disk are, kept beside their digests: what is lost with those counts towards nobody's quota."""

from __future__ import annotations

import threading

from services.files.records import FileName
from services.files.stores.digest_index import DigestIndex


class Owners:
    """The owners of files, and what each has in all. Blocking; used from any thread."""

    def __init__(self, index: DigestIndex) -> None:
        self._index = index
        self._lock = threading.Lock()
        self._totals: dict[str, int] = {}

    def set(self, name: FileName, owner: str, size: int) -> None:
        """A file has been written, "" for nobody's."""
        with self._lock:
            self._forget(str(name))
            if owner:
                self._put(str(name), owner, size)

    def forget(self, name: FileName) -> None:
        """The file is gone."""
        with self._lock:
            self._forget(str(name))

    def move(self, source: FileName, target: FileName) -> None:
        """A file has another name now."""
        with self._lock:
            found = self._find(str(source))
            self._forget(str(source))
            self._forget(str(target))
            if found:
                self._put(str(target), *found)

    def usage(self, owner: str, without: FileName | None = None) -> int:
        """The bytes of an owner's files together, less those of one file if it is the owner's."""
        with self._lock:
            found = self._find(str(without)) if without else None
            return self._total(owner) - (found[1] if found and found[0] == owner else 0)

    def paths(self, after: str, limit: int) -> list[str]:
        """Some of the files that are somebody's, in order."""
        rows = self._index.run("SELECT path FROM owners WHERE path > ? ORDER BY path LIMIT ?", after, limit)
        return [path for (path,) in rows]

    def _find(self, path: str) -> tuple[str, int] | None:
        rows = self._index.run("SELECT owner, size FROM owners WHERE path = ?", path)
        return rows[0] if rows else None

    def _put(self, path: str, owner: str, size: int) -> None:
        total = self._total(owner)
        self._index.run("INSERT INTO owners (path, owner, size) VALUES (?, ?, ?)", path, owner, size)
        self._totals[owner] = total + size

    def _forget(self, path: str) -> None:
        for owner, size in self._index.run("DELETE FROM owners WHERE path = ? RETURNING owner, size", path):
            if owner in self._totals:
                self._totals[owner] -= size

    def _total(self, owner: str) -> int:
        if owner not in self._totals:
            ((total,),) = self._index.run("SELECT coalesce(sum(size), 0) FROM owners WHERE owner = ?", owner) or [(0,)]
            self._totals[owner] = total
        return self._totals[owner]
