"""A long history and what sweeping it costs: `python -m bench.retention [ENTRIES]`, a million unless said otherwise.

The database is filled directly, each entry with `EXTRA_BYTES` of workflow for the web UI. Then a queue and a gateway
serve it, first without anything to sweep, then with `SWEPT` entries more than are wanted.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from bench.pages import GATEWAY, QUEUE, add, answered, service
from bench.path import seconds, show, tiny_prompt
from services.executor import nodes
from services.executor.catalogue import definitions_json, digest_of
from services.queue.client import QueueClient
from services.queue.records import PromptState, Search, Submission
from services.queue.retention import PORTION
from services.queue.stores.opening import DATABASE
from services.queue.stores.sqlite import SqliteStore

ENTRIES = 1_000_000
SWEPT = 10_000
EXTRA_BYTES = 2000
ROUNDS = 200
FINISHED = frozenset(state for state in PromptState if state.is_terminal)

_NUMBERS = "WITH RECURSIVE numbers (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"


async def fill(path: Path, entries: int) -> None:
    """Make the database: one entry as the queue would, the others as its copies."""
    store = await SqliteStore.open(path)
    definitions = definitions_json(nodes.NODE_CLASSES, nodes.DISPLAY_NAMES)
    await store.save_catalogue(digest_of(definitions), definitions)
    await add(store, 1, finish=True)
    await store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        extra_data = json.dumps({"extra_pnginfo": {"workflow": "x" * EXTRA_BYTES}}).encode()
        connection.execute("UPDATE payloads SET extra_data_json = ?", (extra_data,))
        _copy(connection, "prompts", "id", entries)
        _copy(connection, "payloads", "id", entries)
        _copy(connection, "events", "prompt", entries)
        connection.commit()
        connection.execute("ANALYZE")


def _copy(connection: sqlite3.Connection, table: str, key: str, entries: int) -> None:
    special = {
        key: "n",
        "prompt_id": "printf('%08d-0000-4000-8000-000000000000', n)",
        "finished_at": "finished_at + n * 1e-3",
    }
    columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(special.get(name, name) for name in columns)
    connection.execute(
        f"{_NUMBERS} INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM numbers, {table} WHERE {key} = 1",
        (entries,),
    )


@contextlib.asynccontextmanager
async def served(folder: str, history_max: int) -> AsyncIterator[tuple[QueueClient, httpx.AsyncClient]]:
    """A queue that keeps so many entries, and a gateway."""
    queue_flags = ("--listen", QUEUE, "--data", folder, "--history-max", str(history_max))
    gateway_flags = ("--port", str(GATEWAY), "--queue", QUEUE, "--files", "127.0.0.1:1")
    async with (
        service("queue", *queue_flags),
        service("gateway", *gateway_flags),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{GATEWAY}", timeout=60, trust_env=False) as http,
        QueueClient(QUEUE) as client,
    ):
        await answered(http, "/prompt")
        yield client, http


def show_submissions(when: str, taken: list[float]) -> None:
    """The middle, the slowest hundredth and the slowest of what submissions took."""
    ordered = sorted(taken)
    numbers = statistics.median(ordered), ordered[len(ordered) * 99 // 100], ordered[-1]
    print(f"submit, {when:<37} " + " ".join(f"{number * 1e3:9.2f}" for number in numbers), "ms", flush=True)


async def submit(client: QueueClient, number: int) -> None:
    """Hand in a prompt, which nobody will run."""
    await client.submit(Submission(graph_json=json.dumps(tiny_prompt(number)).encode()))


async def finished(client: QueueClient) -> int:
    """How many finished prompts there are."""
    _, total = await client.find(Search(states=FINISHED, limit=1))
    return total


async def main() -> None:
    """Measure, and print a table."""
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / DATABASE
        took = await seconds(lambda: fill(path, entries))
        print(f"{entries:,} entries in {path.stat().st_size / 1e9:.2f} GB, filled in {took:.0f} s")
        async with served(folder, entries) as (client, http):
            print(f"{'':<45} {'median':>9} [{'best':>8}]")
            for asked in ("/history?max_items=64", f"/history?max_items=64&offset={entries // 2}", "/jobs?limit=64"):
                await http.get(asked)
                taken = [await seconds(lambda asked=asked: http.get(asked)) for _ in range(ROUNDS)]  # type: ignore[misc]
                show(f"GET {asked}", taken, 1e3, "ms")
            print(f"{'':<45} {'median':>9} {'99 %':>9} {'slowest':>9}")
            idle = [await seconds(lambda number=number: submit(client, number)) for number in range(ROUNDS)]  # type: ignore[misc]
            show_submissions("nothing to sweep", idle)
        async with served(folder, entries - SWEPT) as (client, http):
            began, busy = time.perf_counter(), []
            for number in itertools.count(ROUNDS):
                if await finished(client) <= entries - SWEPT:
                    break
                busy.append(await seconds(lambda number=number: submit(client, number)))  # type: ignore[misc]
            print(f"sweeping {SWEPT:,} entries, {PORTION} at once: {time.perf_counter() - began:.1f} s")
            show_submissions("while they are swept", busy)
        print(f"the file afterwards: {path.stat().st_size / 1e9:.2f} GB")
        await portions(path)


async def portions(path: Path) -> None:
    """What one portion holds the writer for."""
    store = await SqliteStore.open(path)
    taken = sorted([await seconds(lambda: store.forget_oldest(limit=PORTION)) for _ in range(ROUNDS)])
    await store.close()
    print(f"one portion: {statistics.median(taken) * 1e3:.1f} ms, the slowest of {ROUNDS} {taken[-1] * 1e3:.1f} ms")


if __name__ == "__main__":
    asyncio.run(main())
