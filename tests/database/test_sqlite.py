"""SQLite files, and the thread that writes them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from services.database.sqlite import Reader, Writer, connect, open_database
from services.errors import InvalidArgument, Unavailable

NAME = "test's database"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.sqlite3"


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_names.sql").write_text("CREATE TABLE names (name TEXT PRIMARY KEY) STRICT;")
    return folder


@pytest.fixture
def connection(path: Path, migrations: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(path, migrations)
    yield connection
    connection.close()


def insert(name: str, connection: sqlite3.Connection) -> str:
    connection.execute("INSERT INTO names VALUES (?)", (name,))
    if name == "bad":
        raise ValueError("no good")
    return name


def names(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM names ORDER BY name")]


async def test_whoever_waits_together_is_committed_together(connection: sqlite3.Connection) -> None:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    writer = Writer(connection, NAME)
    answers = await asyncio.gather(*(writer.run(partial(insert, str(i))) for i in range(100)))
    await writer.close()
    assert answers == [str(i) for i in range(100)]
    assert statements.count("COMMIT") < 20


async def test_an_operation_that_fails_is_undone_alone(connection: sqlite3.Connection, path: Path) -> None:
    writer, reader = Writer(connection, NAME), Reader(path, NAME)
    results = await asyncio.gather(
        *(writer.run(partial(insert, name)) for name in ("good", "bad", "fine")), return_exceptions=True
    )
    assert results[::2] == ["good", "fine"]
    assert isinstance(results[1], ValueError)
    assert await reader.run(names) == ["fine", "good"]
    await reader.close()
    await writer.close()


async def test_what_was_committed_is_told_before_its_caller_hears_and_what_failed_is_not(
    connection: sqlite3.Connection,
) -> None:
    writer = Writer(connection, NAME)
    said: list[str] = []

    async def write(name: str) -> None:
        said.append(f"answer {await writer.run(partial(insert, name), lambda name: said.append(f'told {name}'))}")

    await asyncio.gather(*(write(name) for name in ("a", "bad", "b")), return_exceptions=True)
    await writer.close()
    assert said.index("told a") < said.index("told b")
    assert all(said.index(f"told {name}") < said.index(f"answer {name}") for name in ("a", "b"))
    assert len(said) == 4


async def test_a_failure_of_the_database_is_unavailable(connection: sqlite3.Connection, path: Path) -> None:
    writer, reader = Writer(connection, NAME), Reader(path, NAME)
    with pytest.raises(Unavailable, match="the test's database cannot be written: no such table"):
        await writer.run(lambda connection: connection.execute("DELETE FROM nowhere"))
    with pytest.raises(Unavailable, match="the test's database cannot be read: no such table"):
        await reader.run(lambda connection: connection.execute("SELECT * FROM nowhere"))
    await reader.close()
    await writer.close()
    with pytest.raises(Unavailable, match="shutting down"):
        await writer.run(names)


def test_only_migrations_that_were_not_run_yet_are_run(path: Path, migrations: Path) -> None:
    open_database(path, migrations).close()
    (migrations / "0002_ages.sql").write_text("ALTER TABLE names ADD COLUMN age INTEGER;")
    for _ in range(2):
        connection = open_database(path, migrations)
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("SELECT name, age FROM names").fetchall() == []
        connection.close()


def test_a_migration_that_fails_leaves_the_version_before_it(path: Path, migrations: Path) -> None:
    (migrations / "0002_bad.sql").write_text("CREATE TABLE half (a TEXT); CREATE TABLE names (a TEXT);")
    with pytest.raises(InvalidArgument, match="table names already exists"):
        open_database(path, migrations)
    connection = connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert connection.execute("SELECT name FROM sqlite_schema WHERE name = 'half'").fetchall() == []
    connection.close()


def test_a_file_of_a_newer_version_is_refused(path: Path, migrations: Path) -> None:
    open_database(path, migrations).close()
    (migrations / "0001_names.sql").unlink()
    with pytest.raises(InvalidArgument, match="has schema 1, this version of silverprint knows up to 0"):
        open_database(path, migrations)
