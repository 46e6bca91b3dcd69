"""What is particular to SQLite: the file, group commits, plans, failures of the disk."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from services.database.sqlite import connect, migrate, open_database
from services.errors import FailedPrecondition, InvalidArgument, Unavailable
from services.queue import life as lives
from services.queue.records import PromptOrder, PromptState, Search
from services.queue.stores.base import NewPrompt
from services.queue.stores.sqlite import SqliteStore
from services.queue.stores.sqlite.searches import page
from services.queue.stores.sqlite.sql import MIGRATIONS, SQL


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "queue.sqlite3"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(path)
    yield store
    await store.close()


def new(prompt_id: str, counted: int = 0) -> NewPrompt:
    return NewPrompt(
        prompt_id=prompt_id,
        client_id="",
        number=counted,
        counted=counted,
        graph_json=b"{}",
        extra_data_json=b"{}",
        output_node_ids=(),
        node_errors_json=b"{}",
        content_digest=b"",
        submitted_at=1.0,
    )


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def read(path: Path) -> bytes:
    return path.read_bytes()


async def test_the_file_is_durable_by_its_settings(store: SqliteStore, path: Path) -> None:
    connection = open_database(path, MIGRATIONS)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    connection.close()


async def test_a_full_disk_is_unavailable_and_the_next_prompt_works(path: Path) -> None:
    store = await SqliteStore.open(path)
    writing = store._writer._connection
    await store._writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchone())
    large = b"x" * (1 << 20)
    with pytest.raises(Unavailable, match="cannot be written"):
        await store.save_catalogue("large", large)
    await store._writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchone())
    await store.add(new("p"))
    assert await store.get("p") is not None
    assert not writing.in_transaction
    await store.close()


async def test_after_a_restart_everything_is_there_and_numbers_go_on(path: Path) -> None:
    store = await SqliteStore.open(path)
    for _ in range(3):
        await store.next_number()
    await store.add(new("p", counted=2))
    await store.save_catalogue("digest", b"{}")
    await store.close()
    store = await SqliteStore.open(path)
    assert [life.prompt_id for life in await store.lives(PromptState.PENDING)] == ["p"]
    assert await store.next_number() == 3
    assert await store.catalogue() == ("digest", b"{}")
    await store.close()


@pytest.mark.parametrize("content", [b"not a database at all, " * 100, b"SQLite format 3\0" + b"\xff" * 4096])
async def test_what_is_no_database_is_refused_in_one_sentence(path: Path, content: bytes) -> None:
    write(path, content)
    with pytest.raises(InvalidArgument, match="is not a readable database"):
        await SqliteStore.open(path)


async def test_a_damaged_database_is_refused(path: Path) -> None:
    store = await SqliteStore.open(path)
    await store.save_catalogue("digest", b"x" * 100_000)
    await store.close()
    write(path, read(path)[:40_000])
    with pytest.raises(InvalidArgument, match="is not a readable database"):
        await SqliteStore.open(path)


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgument, match="cannot be used"):
        await SqliteStore.open(tmp_path / "file" / "queue.sqlite3")


async def test_a_database_is_served_by_one_process(store: SqliteStore, path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="in use"):
        await SqliteStore.open(path)


async def test_a_database_of_a_newer_version_is_refused(path: Path) -> None:
    await (await SqliteStore.open(path)).close()
    connection = connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(InvalidArgument, match="has schema 999"):
        await SqliteStore.open(path)


def test_migrations_are_numbered_without_gaps_and_run_once(path: Path) -> None:
    numbers = [int(migration.name[:4]) for migration in sorted(MIGRATIONS.glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))
    path.parent.mkdir()
    connection = connect(path)
    for _ in range(2):
        migrate(connection, MIGRATIONS, path)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(numbers),)
    connection.close()


async def test_prompts_of_some_users_are_found_without_looking_at_those_of_others(
    store: SqliteStore, path: Path
) -> None:
    connection = open_database(path, MIGRATIONS)
    statement = SQL["first_pending_of_users"].format(conditions="")
    steps = [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", ('["a"]', 1, 1))]
    connection.close()
    assert "SEARCH own USING INDEX prompts_of_user (user_id=?)" in steps
    assert "SEARCH prompts USING INTEGER PRIMARY KEY (rowid=?)" in steps
    assert not [step for step in steps if step.startswith("SCAN") and "users" not in step]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("first_pending", "prompts_pending"),
        ("page_pending", "prompts_pending"),
        ("lives_running", "prompts_running"),
        ("page_finished", "prompts_finished"),
        ("page_finished_backwards", "prompts_finished"),
    ],
)
async def test_pages_come_from_an_index_in_order(store: SqliteStore, path: Path, query: str, index: str) -> None:
    connection = connect(path, read_only=True)
    parameters = {
        "first_pending": (1,),
        "page_pending": (10, 0),
        "page_finished": ("[]", 10, 0),
        "page_finished_backwards": ("[]", 10, 0),
    }
    plan = connection.execute(
        f"EXPLAIN QUERY PLAN {SQL[query].format(conditions='')}", parameters.get(query, ())
    ).fetchall()
    connection.close()
    steps = " | ".join(step for *_, step in plan)
    assert f"INDEX {index}" in steps
    assert "USE TEMP B-TREE" not in steps


@pytest.mark.parametrize(
    ("workflow_id", "order", "indexes"),
    [
        ("", PromptOrder.SUBMITTED, {"prompts_by_state"}),
        ("", PromptOrder.DURATION, {"prompts_by_duration"}),
        ("wf", PromptOrder.SUBMITTED, {"prompts_of_workflow"}),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
async def test_a_search_walks_along_indexes_and_sorts_nothing(
    store: SqliteStore, path: Path, workflow_id: str, order: PromptOrder, indexes: set[str], backwards: bool
) -> None:
    states = frozenset(PromptState)
    statement, parameters = page(Search(states=states, workflow_id=workflow_id, order=order, reversed=backwards))
    connection = connect(path, read_only=True)
    steps = [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    connection.close()
    assert set(re.findall(r"INDEX (\w+)", " ".join(steps))) == indexes
    assert not any(step.startswith("SCAN") or "TEMP B-TREE" in step for step in steps), steps


async def test_forgetting_leaves_nothing_behind(store: SqliteStore, path: Path) -> None:
    await store.add(new("p"))
    await store.apply("p", partial(lives.cancel, now=2.0))
    await store.forget(None)
    connection = connect(path, read_only=True)
    for table in ("prompts", "payloads", "events"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    connection.close()


async def test_a_closed_store_says_so(path: Path) -> None:
    store = await SqliteStore.open(path)
    await store.close()
    with pytest.raises(Unavailable, match="shutting down"):
        await store.add(new("p"))
