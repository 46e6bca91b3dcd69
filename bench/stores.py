"""Stores of the queue alone: `python -m bench.stores`, with 16 callers.

SQLite with `synchronous=FULL`; PostgreSQL (18, from PyPI), which flushes to the disk as well, on a socket. A cycle is a
prompt that is submitted, leased and completed. Rates are by the wall clock; what they cost, which says more on a busy
machine, is CPU time of this process and of the server. The history is made of copies of one prompt.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import asyncpg
import psutil
import uvloop

from bench.path import show, tiny_prompt
from services.graph.events import ExecutionStarted, ExecutionSucceeded, NodeFinished, NodeRef, NodesCached
from services.queue import life as lives
from services.queue.records import PromptState
from services.queue.stores.base import NewPrompt, QueueStore
from services.queue.stores.sqlite import SqliteStore
from services.queue.work import TimedEvent

CALLERS = 16
CYCLES = 4_000
WAITING = 6_000
#: Copies that are made in one transaction.
BATCH = 50_000
ROUNDS = 20

FINISHED = tuple(state for state in PromptState if state.is_terminal)
_SHOWN = b'{"images": [{"filename": "ComfyUI_temp_aaaaa_00001_.png", "subfolder": "", "type": "temp"}]}'
_BODIES = (
    ExecutionStarted(),
    NodesCached(()),
    NodeFinished(NodeRef.of_workflow("2"), _SHOWN, False),
    ExecutionSucceeded(),
)


#: Makes so many more finished prompts.
Copy = Callable[[int], Awaitable[object]]

_SOURCE = "SELECT max(id) FILTER (WHERE state = 'succeeded'), max(id) + 1 FROM prompts"
_COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND is_generated = 'NEVER'"

#: What is not copied from the first one, by table.
_OWN_COLUMNS = {
    "prompts": {
        "id": "new.id",
        "prompt_id": "'copy-' || new.id",
        "started_at": "started_at + new.id * 0.001",
        "finished_at": "finished_at + new.id * 0.001 + new.id % 100",
    },
    "payloads": {"id": "new.id"},
    "events": {"prompt": "new.id"},
}


def prompt(number: int) -> NewPrompt:
    """A small one."""
    return NewPrompt(
        prompt_id=f"{number:08}-0000-4000-8000-000000000000",
        client_id="bench",
        number=float(number),
        counted=number,
        graph_json=json.dumps(tiny_prompt(number)).encode(),
        extra_data_json=b'{"client_id": "bench"}',
        output_node_ids=("2",),
        node_errors_json=b"{}",
        content_digest=number.to_bytes(32),
        submitted_at=time.time(),
    )


async def cycle(store: QueueStore) -> None:
    """Submit a prompt, lease one and complete it."""
    await store.add(prompt(await store.next_number()))
    now = time.time()
    token = os.urandom(24).hex()
    claim = await store.claim(partial(lives.assign, executor_id="e", token=token, now=now, lease_until=now + 30))
    assert claim is not None
    await complete(store, claim.life.prompt_id, token)


async def complete(store: QueueStore, prompt_id: str, token: str) -> None:
    """Tell what happened to a prompt, in one message as executors do."""
    now = time.time()
    events = [TimedEvent(now, body) for body in _BODIES]
    await store.apply(prompt_id, partial(lives.record, token=token, events=events, now=now))


async def submit(store: QueueStore) -> None:
    """Submit a prompt."""
    await store.add(prompt(await store.next_number()))


class Cpu:
    """Seconds of CPU that this process has used, and what serves it in the database's server."""

    def __init__(self, server: int | None) -> None:
        clients = psutil.Process(server).children() if server else []
        # Beside what serves connections there are processes that tidy up, at times of their own.
        self._server = [child for child in clients if "[local]" in " ".join(child.cmdline())]
        self._begin = self._used()
        self._began = time.perf_counter()

    def per(self, count: int) -> str:
        """What was used for each of so many, in words."""
        wall = time.perf_counter() - self._began
        own, server = (now - before for now, before in zip(self._used(), self._begin, strict=True))
        of_server = f" + {server / count * 1e6:.0f} of the server" if self._server else ""
        return f"{count / wall:,.0f}/s; {own / count * 1e6:.0f} µs of CPU{of_server} each"

    def _used(self) -> tuple[float, float]:
        return time.process_time(), sum(sum(child.cpu_times()[:2]) for child in self._server)


async def together(work: Callable[[], Awaitable[object]], count: int) -> None:
    """Have the callers do it so many times in all."""

    async def call() -> None:
        for _ in range(count // CALLERS):
            await work()

    await asyncio.gather(*(call() for _ in range(CALLERS)))


async def read(store: QueueStore, count: int) -> None:
    """Pages of a history."""
    for offset in sorted({0, count // 2, max(0, count - 64)}):
        page = partial(store.list, FINISHED, limit=64, offset=offset, from_end=False)
        show(f"  64 finished from {offset:,}", await timed(page), 1e3, "ms")
    latest = partial(store.list, FINISHED, limit=64, offset=0, from_end=True)
    show("  the 64 that finished last", await timed(latest), 1e3, "ms")


async def timed(work: Callable[[], Awaitable[object]]) -> list[float]:
    """Seconds of each round."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - began)
    return taken


async def measure(store: QueueStore, server: int | None, copy: Copy, finished: int) -> None:
    """Everything, of one store."""
    await together(partial(cycle, store), CALLERS * 20)
    cpu = Cpu(server)
    await together(partial(cycle, store), CYCLES)
    print(f"  cycles: {cpu.per(CYCLES)}", flush=True)
    for done in range(0, finished, BATCH):
        await copy(min(BATCH, finished - done))
    done = (await store.counts())[PromptState.SUCCEEDED]
    cpu = Cpu(server)
    await together(partial(cycle, store), CYCLES)
    print(f"  cycles after {done:,}: {cpu.per(CYCLES)}", flush=True)
    await read(store, done)
    cpu = Cpu(server)
    await together(partial(submit, store), WAITING)
    print(f"  submissions: {cpu.per(WAITING)}", flush=True)
    pending = partial(store.list, [PromptState.PENDING], limit=0, offset=0, from_end=False)
    show(f"  {WAITING:,} that wait", await timed(pending), 1e3, "ms")
    print(f"  resident: {psutil.Process().memory_info().rss / 1e6:.0f} MB", flush=True)


@contextlib.asynccontextmanager
async def of_sqlite() -> AsyncIterator[tuple[QueueStore, None, Copy]]:
    """A file in a temporary folder."""

    def copied(count: int, connection: sqlite3.Connection) -> None:
        source, first = connection.execute(_SOURCE).fetchone()
        numbers = f"WITH RECURSIVE new (id) AS (SELECT {first} UNION ALL SELECT id + 1 FROM new LIMIT {count})"
        for table, own in _OWN_COLUMNS.items():
            names = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
            connection.execute(_copying(table, names, own, numbers, source))

    with tempfile.TemporaryDirectory() as folder:
        store = await SqliteStore.open(Path(folder) / "queue.sqlite3")
        yield store, None, lambda count: store._writer.run(partial(copied, count))
        await store.close()


@contextlib.asynccontextmanager
async def of_postgres() -> AsyncIterator[tuple[QueueStore, int | None, Copy]]:
    """A server of its own."""
    from services.queue.stores.postgres import PostgresStore
    from tests.postgres import PostgresServer

    server = PostgresServer("fsync = on\nfull_page_writes = on\nshared_buffers = 128MB\nmax_wal_size = 4GB\n")

    async def copied(count: int, url: str) -> None:
        connection = await asyncpg.connect(url)
        [(source, first)] = await connection.fetch(_SOURCE)
        numbers = f"WITH new (id) AS (SELECT * FROM generate_series({first}, {first + count - 1}))"
        for table, own in _OWN_COLUMNS.items():
            found = await connection.fetch(
                "SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND is_generated = 'NEVER'",
                table,
            )
            statement = _copying(table, [name for (name,) in found], own, numbers, source)
            await connection.execute(statement.replace(") SELECT", ") OVERRIDING SYSTEM VALUE SELECT"))
        await connection.execute(f"SELECT setval(pg_get_serial_sequence('prompts', 'id'), {first + count})")
        await connection.execute(f"INSERT INTO tallies VALUES (-{first}, 'succeeded', {count})")
        await connection.close()

    server.start()
    try:
        async with server.database() as url:
            store = await PostgresStore.open(url)
            yield store, server.pid, lambda count: copied(count, url)
            await store.close()
    finally:
        server.remove()


def _copying(table: str, names: Sequence[str], own: Mapping[str, str], numbers: str, source: int) -> str:
    """The statement that copies the rows of a prompt for every new id."""
    key = "prompt" if table == "events" else "id"
    values = ", ".join(own.get(name, f"{table}.{name}") for name in names)
    chosen = f"SELECT {values} FROM new, {table} WHERE {table}.{key} = {source}"
    return f"{numbers} INSERT INTO {table} ({', '.join(names)}) {chosen}"


async def main(kinds: Sequence[str], finished: int) -> None:
    """Measure stores one after another."""
    for kind in kinds:
        print(kind, flush=True)
        async with {"sqlite": of_sqlite, "postgres": of_postgres}[kind]() as (store, server, copy):
            await measure(store, server, copy, finished)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=["sqlite", "postgres"], help="stores to measure")
    parser.add_argument("--finished", type=int, default=1_000_000, help="prompts in the history")
    arguments = parser.parse_args()
    uvloop.run(main(arguments.kinds, arguments.finished))
