"""Reading long lists: `python -m bench.pages`, of a queue that is filled directly, through a gateway.

The history holds `ENTRIES` finished prompts, and `WAITING` wait. Each service is a process of its own, on SQLite.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import psutil

from bench.path import seconds, show, tiny_prompt
from services.graph.events import ExecutionStarted, ExecutionSucceeded, NodeFinished, NodeRef, NodesCached
from services.queue import life as lives
from services.queue.stores.base import NewPrompt
from services.queue.stores.opening import DATABASE
from services.queue.stores.sqlite import SqliteStore
from services.queue.work import TimedEvent

ENTRIES = 10_000
WAITING = 6_000
#: Prompts that are stored at once.
BATCH = 500
ROUNDS = 100
SLOW_ROUNDS = 3

QUEUE, GATEWAY = "127.0.0.1:8790", 8788

_SHOWN = b'{"images": [{"filename": "ComfyUI_temp_aaaaa_00001_.png", "subfolder": "", "type": "temp"}]}'


async def add(store: SqliteStore, number: int, *, finish: bool) -> None:
    """Store a prompt, and what came of it."""
    prompt_id, now = f"{number:08}-0000-4000-8000-000000000000", time.time()
    graph = json.dumps(tiny_prompt(number)).encode()
    new = NewPrompt(
        prompt_id=prompt_id,
        client_id="bench",
        number=number,
        counted=number,
        graph_json=graph,
        extra_data_json=b'{"client_id": "bench"}',
        output_node_ids=("2",),
        node_errors_json=b"{}",
        content_digest=b"",
        submitted_at=now,
    )
    await store.add(new)
    if finish:
        await store.apply(prompt_id, partial(lives.assign, executor_id="e", token="t", now=now, lease_until=now))
        shown = NodeFinished(NodeRef.of_workflow("2"), _SHOWN, False)
        bodies = (ExecutionStarted(), NodesCached(()), shown, ExecutionSucceeded())
        events = [TimedEvent(now, body) for body in bodies]
        await store.apply(prompt_id, partial(lives.record, token="t", events=events, now=time.time()))


async def fill(path: Path) -> None:
    """Make the database."""
    store = await SqliteStore.open(path)
    for first in range(0, ENTRIES + WAITING, BATCH):
        numbers = range(first, first + BATCH)
        await asyncio.gather(*(add(store, number, finish=number < ENTRIES) for number in numbers))
    await store.close()


@contextlib.asynccontextmanager
async def service(name: str, *arguments: str) -> AsyncIterator[psutil.Process]:
    """A service for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", f"services.{name}", *arguments)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


async def answered(http: httpx.AsyncClient, path: str) -> None:
    """Return once there is an answer."""
    for _ in range(300):
        with contextlib.suppress(httpx.HTTPError):
            if (await http.get(path)).status_code == 200:
                return
        await asyncio.sleep(0.1)
    raise TimeoutError(path)


async def main() -> None:
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        await fill(Path(folder) / DATABASE)
        gateway_flags = ("--port", str(GATEWAY), "--queue", QUEUE, "--files", "127.0.0.1:1")
        async with (
            service("queue", "--listen", QUEUE, "--data", folder) as queue,
            service("gateway", *gateway_flags) as gateway,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{GATEWAY}", timeout=60, trust_env=False) as http,
        ):
            await answered(http, "/prompt")
            print(f"{ENTRIES:,} entries, {WAITING:,} waiting {'':<16} {'median':>9} [{'best':>8}]")
            for path, rounds in (
                ("/prompt", ROUNDS),
                ("/history?max_items=64", ROUNDS),
                ("/history?max_items=64&offset=5000", ROUNDS),
                ("/jobs?limit=64", ROUNDS),
                ("/jobs?status=completed,failed&sort_by=execution_duration&limit=64", ROUNDS),
                ("/queue", SLOW_ROUNDS),
                ("/history", SLOW_ROUNDS),
            ):
                await http.get(path)
                taken = [await seconds(lambda path=path: http.get(path)) for _ in range(rounds)]  # type: ignore[misc]
                show(f"GET {path}", taken, 1e3, "ms")
            for name, process in (("queue", queue), ("gateway", gateway)):
                print(f"{name}: {process.memory_info().rss / 1e6:.0f} MB", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
