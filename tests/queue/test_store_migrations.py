"""Databases of earlier versions: what was kept in them is there, and goes on, after an update."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import msgspec
import pytest

from services.database.postgres import Address, asyncpg, migrate
from services.database.sqlite import open_database
from services.graph.events import ExecutionStarted, ExecutionSucceeded
from services.queue import life as lives
from services.queue.records import Assigned, PromptState, Submitted
from services.queue.stores.base import QueueStore
from services.queue.stores.postgres import PostgresStore
from services.queue.stores.postgres.sql import MIGRATIONS as OF_POSTGRES
from services.queue.stores.postgres.sql import PART
from services.queue.stores.sqlite import SqliteStore
from services.queue.stores.sqlite.sql import MIGRATIONS as OF_SQLITE
from services.queue.work import TimedEvent
from tests.contract.prompts import new
from tests.postgres import PostgresServer

ATTEMPTS = '[{"number": 1, "executor_id": "e", "started_at": 2.0}]'

#: State, number, started, finished, attempts, lease token, lease end: columns that there are since the first version.
PROMPTS = {
    "done": ("succeeded", 0.0, 2.0, 4.0, ATTEMPTS, None, None),
    "running": ("running", 1.0, 2.0, None, ATTEMPTS, "token", 32.0),
    "waiting": ("pending", 2.0, None, None, "[]", None, None),
}
EVENTS = (Submitted(), Assigned("e", 1), ExecutionStarted(), ExecutionSucceeded())


def earlier(folder: Path, version: int, target: Path) -> Path:
    """The migrations up to a version."""
    target.mkdir()
    for migration in sorted(folder.glob("*.sql"))[:version]:
        shutil.copy(migration, target)
    return target


def versions(folder: Path) -> range:
    return range(1, len(list(folder.glob("*.sql"))) + 1)


async def check(store: QueueStore) -> None:
    """What was kept is there, and goes on."""
    assert {state: n for state, n in (await store.counts()).items() if n} == {
        PromptState.SUCCEEDED: 1,
        PromptState.RUNNING: 1,
        PromptState.PENDING: 1,
    }
    done = await store.get("done")
    assert done is not None and tuple(event.body for event in done.events) == EVENTS
    assert (done.graph_json, done.output_node_ids, done.finished_at) == (b"{}", ("1",), 4.0)
    end = partial(lives.record, token="token", events=(TimedEvent(5.0, ExecutionSucceeded()),), now=5.0)
    assert await store.apply("running", end) is not None
    await store.add(new("later", 3.0))
    assign = partial(lives.assign, executor_id="e", token="t", now=6.0, lease_until=36.0)
    claims = [await store.claim(assign) for _ in range(3)]
    assert [claim and claim.life.prompt_id for claim in claims] == ["waiting", "later", None]
    assert await store.forget(None) == ["done", "running"]


@pytest.mark.parametrize("version", versions(OF_SQLITE))
async def test_a_file_of_every_earlier_version_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    path = tmp_path / "queue.sqlite3"
    connection = open_database(path, earlier(OF_SQLITE, version, tmp_path / "migrations"))
    for row, (prompt_id, columns) in enumerate(PROMPTS.items(), start=1):
        connection.execute(
            "INSERT INTO prompts (id, prompt_id, client_id, submitted_at, failures, sequence, attempt_sequence,"
            " interrupt_requested, state, number, started_at, finished_at, attempts, lease_token, lease_until)"
            " VALUES (?, ?, '', 1.0, 0, 4, 2, 0, ?, ?, ?, ?, ?, ?, ?)",
            (row, prompt_id, *columns),
        )
        connection.execute(
            "INSERT INTO payloads (id, graph_json, extra_data_json, output_node_ids, node_errors_json, content_digest)"
            " VALUES (?, x'7b7d', x'7b7d', '[\"1\"]', x'7b7d', x'')",
            (row,),
        )
    for sequence, body in enumerate(EVENTS, start=1):
        event = (sequence, msgspec.msgpack.encode(body))
        connection.execute("INSERT INTO events VALUES (1, ?, 3.0, 0, ?)", event)
    connection.close()
    store = await SqliteStore.open(path)
    await check(store)
    await store.close()


@pytest.mark.parametrize("version", versions(OF_POSTGRES))
async def test_a_database_of_every_earlier_version_is_brought_up_to_date(
    postgres: PostgresServer, tmp_path: Path, version: int
) -> None:
    async with postgres.database() as url:
        await migrate(Address.parse(url), PART, earlier(OF_POSTGRES, version, tmp_path / "migrations"))
        connection = await asyncpg.connect(url)
        for prompt_id, columns in PROMPTS.items():
            row = await connection.fetchval(
                "INSERT INTO prompts (prompt_id, client_id, submitted_at, failures, sequence, attempt_sequence,"
                " interrupt_requested, state, number, started_at, finished_at, attempts, lease_token, lease_until,"
                " workflow_id, user_id, priority, placement, tag, run_timeout, total_timeout)"
                " VALUES ($1, '', 1.0, 0, 4, 2, false, $2, $3, $4, $5, $6, $7, $8, '', '', 0, 0, 0.0, 0.0, 0.0)"
                " RETURNING id",
                prompt_id,
                *columns,
            )
            await connection.execute("INSERT INTO tallies VALUES (0, $1, 1)", columns[0])
            await connection.execute(
                "INSERT INTO payloads VALUES ($1, '{}'::bytea, '{}'::bytea, '[\"1\"]', '{}'::bytea, '', '[]')", row
            )
        for sequence, body in enumerate(EVENTS, start=1):
            event = (sequence, msgspec.msgpack.encode(body))
            await connection.execute("INSERT INTO events VALUES (1, $1, 3.0, 0, $2)", *event)
        await connection.close()
        store = await PostgresStore.open(url)
        await check(store)
        await store.close()
