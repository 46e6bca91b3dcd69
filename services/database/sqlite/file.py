"""Opening a database file: settings, migrations, and refusing what is not ours."""

from __future__ import annotations

import fcntl
import sqlite3
from pathlib import Path
from typing import IO

from services.database.migrations import outstanding
from services.errors import FailedPrecondition, InvalidArgument

#: Files up to this many bytes are checked from end to end when they are opened, which takes well below a second.
CHECKED_BYTES = 64 << 20

#: Pages that a connection keeps in memory, in KiB.
CACHE_KIB = 8192

#: Pages of the write-ahead log at which it is copied into the file: the more, the less often those that always change.
CHECKPOINT_PAGES = 4000

#: Bytes to which the write-ahead log is cut back after it grew.
LOG_BYTES = 32 << 20


def lock(path: Path) -> IO[str]:
    """Make sure that no other process serves this file; the lock ends with the process or when the file is closed.

    Raises:
        InvalidArgument: the folder cannot be made or written.
        FailedPrecondition: another process has it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = path.with_suffix(".lock").open("w", encoding="utf-8")
    except OSError as error:
        raise InvalidArgument(f"the folder {path.parent} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise FailedPrecondition(f"{path} is in use by another process") from error
    return held


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection without implicit transactions; it may be used by one thread after another."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
        return connection
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    return connection


def open_database(path: Path, migrations: Path) -> sqlite3.Connection:
    """A connection for writing to a file whose schema is current, as the migrations in a folder make it.

    Raises:
        InvalidArgument: the file is no database of ours, is damaged, or a newer version wrote it.
    """
    connection = None
    try:
        connection = connect(path)
        _check(connection, path)
        migrate(connection, migrations, path)
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error):
            raise InvalidArgument(f"{path} is not a readable database: {error}") from error
        raise
    return connection


def migrate(connection: sqlite3.Connection, migrations: Path, path: Path) -> None:
    """Bring the schema up to date, each migration in its own transaction; `user_version` counts them.

    Raises:
        InvalidArgument: a newer version of silverprint wrote the file.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, script in outstanding(migrations, version, str(path)):
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")


def _check(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if path.stat().st_size > CHECKED_BYTES:
        return
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
