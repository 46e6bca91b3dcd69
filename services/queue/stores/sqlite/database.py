"""Opening the database file: settings, migrations, and refusing what is not ours."""

from __future__ import annotations

import fcntl
import sqlite3
from pathlib import Path
from typing import IO

from services.errors import FailedPrecondition, InvalidArgument

MIGRATIONS = Path(__file__).with_name("migrations")

#: Files up to this many bytes are checked from end to end when they are opened, which takes well below a second.
CHECKED_BYTES = 64 << 20

#: Pages that a connection keeps in memory, in KiB.
CACHE_KIB = 8192

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
        raise FailedPrecondition(f"{path} is in use by another queue") from error
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
    return connection


def open_database(path: Path) -> sqlite3.Connection:
    """A connection for writing to a file whose schema is current.

    Raises:
        InvalidArgument: the file is no database of ours, is damaged, or a newer version wrote it.
    """
    try:
        connection = connect(path)
        _check(connection, path)
        migrate(connection, path)
    except sqlite3.Error as error:
        raise InvalidArgument(f"{path} is not a readable queue database: {error}") from error
    return connection


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date, one numbered file after another, each in its own transaction."""
    migrations = sorted(MIGRATIONS.glob("*.sql"))
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise InvalidArgument(f"{path} has schema {version}, this version of silverprint knows up to {len(migrations)}")
    for number, migration in enumerate(migrations[version:], start=version + 1):
        script = migration.read_text(encoding="utf-8")
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")


def _check(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if path.stat().st_size > CHECKED_BYTES:
        return
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
