"""What is known about the digests of files on disk: a cache that may be lost, in a SQLite file."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

log = logging.getLogger(__name__)

#: Counts up whenever the table changes; a file of another version is started anew.
SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE digests (
    path TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    blake3 TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX digests_by_blake3 ON digests (blake3);
"""


#: Added later; a file without it gets it.
_OWNERS = """
CREATE TABLE IF NOT EXISTS owners (
    path TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    size INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS owners_by_owner ON owners (owner, size);
"""


class Version(msgspec.Struct, frozen=True):
    """What tells one content of a path from another without reading it."""

    #: bytes
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """The version of a file with this status."""
        return cls(status.st_size, status.st_mtime_ns)


class DigestIndex:
    """Digests by path and version, and paths by digest. Used from any thread.

    A kill loses nothing, a power cut the last moments (no fsync per row): digests can be computed again. For
    the same reason failures of SQLite itself, such as a full disk, are logged and answered with "not known".
    """

    def __init__(self, path: Path) -> None:
        """Open the index, or start a new one when the file is damaged or of another version."""
        self._lock = threading.Lock()
        self._database = _open_or_start_anew(path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def get(self, path: str, version: Version) -> str | None:
        """The digest of a path's content, None when this version's is not known."""
        query = "SELECT blake3 FROM digests WHERE path = ? AND size = ? AND mtime_ns = ?"
        rows = self.run(query, path, version.size, version.mtime_ns)
        return str(rows[0][0]) if rows else None

    def get_all(self, paths: Sequence[str]) -> dict[str, tuple[Version, str]]:
        """What is known about those of some paths of which anything is known: the version, and its digest."""
        query = "SELECT path, size, mtime_ns, blake3 FROM digests WHERE path IN (SELECT value FROM json_each(?))"
        rows = self.run(query, json.dumps(paths))
        return {path: (Version(size, mtime_ns), digest) for path, size, mtime_ns, digest in rows}

    def put(self, path: str, version: Version, blake3: str) -> None:
        """Remember the digest of a path's content instead of what was known about it."""
        query = "INSERT OR REPLACE INTO digests (path, size, mtime_ns, blake3) VALUES (?, ?, ?, ?)"
        self.run(query, path, version.size, version.mtime_ns, blake3)

    def paths(self, blake3: str) -> list[tuple[str, Version]]:
        """Where a content was seen, and which version of the path it was."""
        rows = self.run("SELECT path, size, mtime_ns FROM digests WHERE blake3 = ? ORDER BY path", blake3)
        return [(path, Version(size, mtime_ns)) for path, size, mtime_ns in rows]

    def forget(self, path: str) -> None:
        """Know nothing about a path."""
        self.run("DELETE FROM digests WHERE path = ?", path)

    def some_paths(self, after: str, limit: int) -> list[str]:
        """Some of the paths that something is known about, in order."""
        rows = self.run("SELECT path FROM digests WHERE path > ? ORDER BY path LIMIT ?", after, limit)
        return [path for (path,) in rows]

    def run(self, query: str, *values: str | int) -> list[Any]:
        """The rows of a statement; none when the database fails."""
        try:
            with self._lock:
                return self._database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            log.warning("the digest index failed: %s", error)
            return []


def _open_or_start_anew(path: Path) -> sqlite3.Connection:
    try:
        return _open(path)
    except sqlite3.OperationalError as error:
        # The disk is full or read-only: whatever else the service can do it should.
        log.warning("the digest index cannot be opened (%s); digests are kept until the service ends", error)
        return _open(None)
    except sqlite3.DatabaseError as error:
        log.warning("the digest index is unreadable (%s) and is started anew", error)
        _remove(path)
        return _open(path)


def _open(path: Path | None) -> sqlite3.Connection:
    """The database in a file, or in memory."""
    database = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA_VERSION):
            raise sqlite3.DatabaseError(f"version {version}")
        if version == 0:
            database.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        database.executescript(_OWNERS)
        if path:
            path.chmod(0o600)
    except BaseException:
        database.close()
        raise
    return database


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
