"""PostgreSQL: connecting, migrations, reads that survive the loss of a connection, wake-ups."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.database.postgres import Address, Connection, Listener, Pool, asyncpg, connect, migrate
from services.errors import InvalidArgument, Unavailable
from tests.postgres import PostgresServer

NAME = "test's database"
CHANNEL = "silverprint_test"


@asynccontextmanager
async def fresh(postgres: PostgresServer) -> AsyncIterator[Address]:
    async with postgres.database() as url:
        yield Address.parse(url)


@asynccontextmanager
async def connected(address: Address) -> AsyncIterator[Connection]:
    connection = await connect(address)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def address(postgres: PostgresServer) -> AsyncIterator[Address]:
    async with fresh(postgres) as address:
        yield address


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    (tmp_path / "0001_names.sql").write_text(
        "CREATE TABLE names (name text PRIMARY KEY); INSERT INTO names VALUES ('a');"
    )
    (tmp_path / "0002_ages.sql").write_text("ALTER TABLE names ADD COLUMN age integer;")
    return tmp_path


async def rows(connection: Connection, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await connection.fetch(query)]


async def test_an_unreachable_server_is_unavailable(tmp_path: Path) -> None:
    for url in (f"postgresql:///name?host={tmp_path}", "postgresql://127.0.0.1:9/name"):
        with pytest.raises(Unavailable, match="cannot be reached") as refusal:
            await connect(Address.parse(url))
        assert url in refusal.value.message


async def test_a_wrong_password_is_refused_without_being_shown(postgres: PostgresServer, address: Address) -> None:
    await postgres.execute("CREATE USER guest PASSWORD 'right'")
    try:
        url = postgres.url(user="guest", password="wr0ng")
        with pytest.raises(InvalidArgument, match='password authentication failed for user "guest"') as refusal:
            await connect(Address.parse(url))
        assert "wr0ng" not in refusal.value.message
        async with connected(Address.parse(postgres.url(user="guest", password="right"))) as connection:
            assert await connection.fetchval("SELECT current_user") == "guest"
    finally:
        await postgres.execute("DROP USER guest")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda url: url.replace("/test_", "/no_"), 'database "no_.*" does not exist'),
        (lambda url: url.replace("postgres@", "nobody@"), 'role "nobody" does not exist'),
        (lambda url: f"{url}&colour=blue", 'unrecognized configuration parameter "colour"'),
        (lambda url: f"{url}&sslmode=often", "sslmode"),
    ],
)
async def test_what_the_server_refuses_is_said(
    postgres: PostgresServer, change: Callable[[str], str], complaint: str
) -> None:
    async with postgres.database() as url:
        with pytest.raises(InvalidArgument, match=complaint):
            await connect(Address.parse(change(url)))
        with pytest.raises(InvalidArgument, match=complaint):
            await Pool.open(Address.parse(change(url)), NAME)


def test_a_driver_that_is_not_installed_is_named() -> None:
    code = "import sys; sys.modules['asyncpg'] = None; import services.database.postgres"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "InvalidArgument: PostgreSQL needs the extra `postgres`" in ended.stderr


async def test_replicas_that_start_at_once_migrate_once(address: Address, migrations: Path) -> None:
    await asyncio.gather(*(migrate(address, "test", migrations) for _ in range(4)))
    async with connected(address) as connection:
        assert await rows(connection, "SELECT name, age FROM names") == [("a", None)]
        assert await rows(connection, "SELECT * FROM silverprint_schemas") == [("test", 2)]


async def test_only_migrations_that_were_not_run_yet_are_run(address: Address, migrations: Path) -> None:
    later = (migrations / "0002_ages.sql").rename(migrations / "later")
    await migrate(address, "test", migrations)
    later.rename(migrations / "0002_ages.sql")
    await migrate(address, "test", migrations)
    async with connected(address) as connection:
        assert await rows(connection, "SELECT name, age FROM names") == [("a", None)]


async def test_a_migration_that_fails_changes_nothing(address: Address, migrations: Path) -> None:
    (migrations / "0003_bad.sql").write_text("CREATE TABLE names (a text);")
    with pytest.raises(InvalidArgument, match='relation "names" already exists'):
        await migrate(address, "test", migrations)
    async with connected(address) as connection:
        assert await connection.fetchval("SELECT to_regclass('names')") is None


async def test_a_database_of_a_newer_version_is_refused(address: Address, migrations: Path) -> None:
    await migrate(address, "test", migrations)
    await migrate(address, "other", migrations.parent)
    (migrations / "0002_ages.sql").unlink()
    with pytest.raises(InvalidArgument, match="has schema 2, this version of silverprint knows up to 1"):
        await migrate(address, "test", migrations)


async def test_a_database_of_another_encoding_is_refused(postgres: PostgresServer, migrations: Path) -> None:
    await postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(InvalidArgument, match="has the encoding LATIN1, UTF8 is needed"):
            await migrate(Address.parse(postgres.url("latin")), "test", migrations)
    finally:
        await postgres.execute("DROP DATABASE latin")


async def test_a_user_who_may_not_make_tables_is_refused(
    postgres: PostgresServer, address: Address, migrations: Path
) -> None:
    await postgres.execute("CREATE USER reader")
    try:
        with pytest.raises(InvalidArgument, match="permission denied for schema public"):
            await migrate(Address.parse(address.url.replace("postgres@", "reader@")), "test", migrations)
    finally:
        await postgres.execute("DROP USER reader")


async def test_a_snapshot_is_of_one_moment(address: Address, migrations: Path) -> None:
    await migrate(address, "test", migrations)
    pool = await Pool.open(address, NAME)

    async def twice(connection: Connection) -> list[int]:
        counts = []
        for name in ("b", "c"):
            counts.append(await connection.fetchval("SELECT count(*) FROM names"))
            async with connected(address) as other:
                await other.execute("INSERT INTO names VALUES ($1)", name)
        return counts

    assert await pool.snapshot(twice) == [1, 1]
    assert await pool.run(lambda connection: connection.fetchval("SELECT count(*) FROM names")) == 3
    await pool.close()


async def test_a_read_is_repeated_when_its_connection_was_broken(postgres: PostgresServer, address: Address) -> None:
    pool = await Pool.open(address, NAME)

    async def one(connection: Connection) -> object:
        return await connection.fetchval("SELECT 1")

    await asyncio.gather(*(pool.snapshot(one) for _ in range(8)))
    await kick_out(postgres, address)
    assert await asyncio.gather(*(pool.snapshot(one) for _ in range(8))) == [1] * 8
    await pool.close()


async def test_a_read_is_repeated_when_the_driver_lost_its_way(address: Address) -> None:
    """A storm that killed the server between two statements left a connection in such a state."""
    pool = await Pool.open(address, NAME)
    failures = [asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")]

    async def one(connection: Connection) -> object:
        if failures:
            raise failures.pop()
        return await connection.fetchval("SELECT 1")

    assert await pool.run(one) == 1
    await pool.close()


async def test_a_read_from_a_stopped_server_is_unavailable_until_it_runs_again(
    postgres: PostgresServer, address: Address
) -> None:
    pool = await Pool.open(address, NAME)

    async def one(connection: Connection) -> object:
        return await connection.fetchval("SELECT 1")

    postgres.stop()
    try:
        with pytest.raises(Unavailable, match="the test's database cannot be reached$"):
            await pool.run(one)
    finally:
        postgres.start()
    assert await pool.run(one) == 1
    with pytest.raises(Unavailable, match='relation "nowhere" does not exist'):
        await pool.run(lambda connection: connection.fetchval("SELECT * FROM nowhere"))
    await pool.close()


async def insert(connection: Connection, name: str) -> str:
    await connection.execute("INSERT INTO names VALUES ($1)", name)
    return name


async def names_in(pool: Pool) -> list[str]:
    found = await pool.run(lambda connection: connection.fetch("SELECT name FROM names ORDER BY name"))
    return [name for (name,) in found]


async def test_a_change_is_whole_or_nothing_and_what_it_raises_passes_through(
    address: Address, migrations: Path
) -> None:
    await migrate(address, "test", migrations)
    pool = await Pool.open(address, NAME, size=1)

    async def refused(connection: Connection) -> None:
        await insert(connection, "b")
        raise InvalidArgument("no b")

    backend = await pool.run(lambda connection: connection.fetchval("SELECT pg_backend_pid()"))
    with pytest.raises(InvalidArgument, match="no b"):
        await pool.change(refused)
    assert await pool.change(lambda connection: insert(connection, "c")) == "c"
    assert await names_in(pool) == ["a", "c"]
    assert await pool.run(lambda connection: connection.fetchval("SELECT pg_backend_pid()")) == backend
    with pytest.raises(Unavailable, match="cannot be written: .*duplicate key"):
        await pool.change(lambda connection: insert(connection, "c"))
    await pool.close()


async def test_a_change_begins_anew_when_its_connection_breaks_before_the_commit(
    postgres: PostgresServer, address: Address, migrations: Path
) -> None:
    await migrate(address, "test", migrations)
    pool = await Pool.open(address, NAME)
    attempts: list[str] = []

    async def write(connection: Connection) -> str:
        attempts.append(await insert(connection, "b"))
        if len(attempts) == 1:
            await kick_out(postgres, address)
        return await insert(connection, "c")

    assert await pool.change(write) == "c"
    assert len(attempts) == 2
    assert await names_in(pool) == ["a", "b", "c"]
    await pool.close()


async def test_of_two_changes_that_wait_for_each_other_one_is_told(address: Address, migrations: Path) -> None:
    await migrate(address, "test", migrations)
    pool = await Pool.open(address, NAME)
    both = asyncio.Barrier(2)

    async def write(connection: Connection, first: int, second: int) -> None:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", first)
        await both.wait()
        await connection.execute("SELECT pg_advisory_xact_lock($1)", second)

    results = await asyncio.gather(
        pool.change(lambda connection: write(connection, 1, 2)),
        pool.change(lambda connection: write(connection, 2, 1)),
        return_exceptions=True,
    )
    assert {type(result) for result in results} == {type(None), asyncpg.DeadlockDetectedError}
    await pool.close()


async def kick_out(postgres: PostgresServer, address: Address) -> None:
    """End every connection to a database."""
    name = address.url.partition("@/")[2].partition("?")[0]
    await postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


class Alarm:
    """Counts how often it rang."""

    def __init__(self) -> None:
        self.rings = 0
        self._rang = asyncio.Event()

    def ring(self) -> None:
        self.rings += 1
        self._rang.set()

    async def until(self, rings: int) -> None:
        async with asyncio.timeout(60):
            while self.rings < rings:
                self._rang.clear()
                await self._rang.wait()


async def test_what_others_notify_wakes_and_what_is_ones_own_does_not(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.database.postgres.listener.POLL", 600.0)
    alarm = Alarm()
    listener = Listener(address, CHANNEL, "me", alarm.ring)
    await alarm.until(1)  # it listens
    async with connected(address) as connection:
        for payload in ("somebody", "me", "me", "somebody else"):
            await connection.execute(f"NOTIFY {CHANNEL}, '{payload}'")
    await alarm.until(3)
    assert alarm.rings == 3
    await listener.close()


async def test_a_listener_connects_again_and_wakes_for_what_it_missed(
    postgres: PostgresServer, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.database.postgres.listener.POLL", 0.1)
    alarm = Alarm()
    listener = Listener(address, CHANNEL, "me", alarm.ring)
    await alarm.until(3)  # it wakes now and then in any case
    postgres.stop()
    postgres.start()
    await alarm.until(alarm.rings + 1)
    await kick_out(postgres, address)
    await alarm.until(alarm.rings + 2)
    await listener.close()
