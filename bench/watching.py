"""What watchers cost the queue: `python -m bench.watching`, on a queue that runs as a process of its own.

An executor that is played here tells of steps with previews, and of outputs, while 0 to `MOST` watchers follow the
prompt over gRPC. The watchers are in processes of their own, so that the queue's CPU time is the queue's. Then one more
watcher reads nothing at all: it must not make the others wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from multiprocessing.synchronize import Event as Flag
from typing import Any

import psutil
from blake3 import blake3

from bench.pages import QUEUE, service
from services.graph.events import (
    ExecutionEvent,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeFinished,
    NodePreview,
    NodeProgress,
    NodeRef,
)
from services.queue.client import QueueClient
from services.queue.records import Assignment, HostInfo, Lease, Submission
from services.queue.work import CataloguePublication, EventBatch, ExecutorMessage, Hello, TimedEvent

MOST = 500
WATCHERS = (0, 100, MOST)
#: Processes that watchers are spread over, and how many of them share a connection.
PROCESSES = 2
PER_CONNECTION = 25
STEPS = 60
#: Seconds between steps.
PAUSE = 0.05
PREVIEW = b"\xff" * 12_000
NODE = NodeRef.of_workflow("1")
GRAPH = json.dumps({"1": {"class_type": "Show", "inputs": {}}}).encode()
CATALOGUE = json.dumps({"Show": {"input": {"required": {}}, "output": [], "output_node": True}}).encode()
HOST = HostInfo(os="", python_version="", torch_version="", ram_total=1, ram_free=1)


class Player:
    """An executor that says what it is told to say."""

    def __init__(self, client: QueueClient) -> None:
        self._client = client
        self._outbox: asyncio.Queue[ExecutorMessage] = asyncio.Queue()
        self._leases: asyncio.Queue[Lease] = asyncio.Queue()
        digest = blake3(CATALOGUE).hexdigest()
        hello = Hello(
            executor_id="player", host="", version="", slots=1, catalogue_digest=digest, devices=(), host_info=HOST
        )
        for message in (hello, CataloguePublication(digest, CATALOGUE)):
            self._outbox.put_nowait(message)

    async def work(self) -> None:
        """Hold the stream."""
        async for message in self._client.work(self._messages()):
            if isinstance(message, Assignment):
                self._leases.put_nowait(message.lease)

    async def lease(self) -> Lease:
        """The next prompt to run."""
        return await self._leases.get()

    def tell(self, lease: Lease, *events: ExecutionEvent) -> None:
        """Say what happened."""
        self._outbox.put_nowait(EventBatch(lease, tuple(TimedEvent(time.time(), event) for event in events)))

    async def _messages(self) -> AsyncIterator[ExecutorMessage]:
        while True:
            yield await self._outbox.get()


async def _watch(client: QueueClient, prompt_id: str, began: asyncio.Event, late: list[float]) -> None:
    """Follow a prompt to its end, and note how late each event came."""
    async with contextlib.aclosing(client.watch(prompt_id, previews=True)) as batches:
        async for batch in batches:
            began.set()
            now = time.time()
            late += (now - event.happened_at for event in batch if isinstance(event.body, NodeProgress | NodeFinished))


async def _watch_all(prompt_id: str, count: int, ready: Flag) -> list[float]:
    late: list[float] = []
    flags = [asyncio.Event() for _ in range(count)]
    async with contextlib.AsyncExitStack() as stack:
        tasks = []
        for number, flag in enumerate(flags):
            if number % PER_CONNECTION == 0:
                client = await stack.enter_async_context(QueueClient(QUEUE))
            tasks.append(asyncio.create_task(_watch(client, prompt_id, flag, late)))
        for flag in flags:
            await flag.wait()
        ready.set()
        await asyncio.gather(*tasks)
    return late


def _process(prompt_id: str, count: int, ready: Flag, results: Any) -> None:
    late = asyncio.run(_watch_all(prompt_id, count, ready))
    results.put((len(late), statistics.median(late), sorted(late)[len(late) * 99 // 100], max(late)) if late else None)


@contextlib.asynccontextmanager
async def _idler(prompt_id: str, wanted: bool) -> AsyncIterator[None]:
    """A watcher that reads nothing after the first message."""
    if not wanted:
        yield
        return
    async with QueueClient(QUEUE) as client, contextlib.aclosing(client.watch(prompt_id, previews=True)) as batches:
        await anext(batches)
        yield


async def measure(client: QueueClient, player: Player, queue: psutil.Process, watchers: int, *, idler: bool) -> float:
    """One prompt with so many watchers, as a line of the table; the queue's CPU seconds."""
    prompt_id = (await client.submit(Submission(graph_json=GRAPH))).prompt_id
    lease = await player.lease()
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    flags = [context.Event() for _ in range(PROCESSES if watchers else 0)]
    share = watchers // PROCESSES
    processes = [context.Process(target=_process, args=(prompt_id, share, flag, results)) for flag in flags]
    for process in processes:
        process.start()
    for flag in flags:
        await asyncio.to_thread(flag.wait)
    async with _idler(prompt_id, idler):
        before, began = queue.cpu_times(), time.perf_counter()
        player.tell(lease, ExecutionStarted())
        for step in range(STEPS):
            preview = NodePreview(NODE, "image/jpeg", PREVIEW, provisional=True)
            player.tell(lease, NodeProgress(NODE, step + 1, STEPS), preview)
            await asyncio.sleep(PAUSE)
        player.tell(lease, NodeFinished(NODE, b'{"images": []}', False), ExecutionSucceeded())
        told = [await asyncio.to_thread(results.get) for _ in processes]
        after, took = queue.cpu_times(), time.perf_counter() - began
    spent = after.user + after.system - before.user - before.system
    late = [numbers for numbers in told if numbers]
    what = f"{watchers} watchers" + (", and one that reads nothing" if idler else "")
    line = f"{what:<44} {took:6.1f} s {spent:7.2f} s of CPU, {queue.memory_info().rss / 1e6:4.0f} MB"
    if late:
        events = (2 * STEPS + 4) * watchers
        middle = statistics.fmean(numbers[1] for numbers in late) * 1e3
        slow, slowest = (max(numbers[place] for numbers in late) * 1e3 for place in (2, 3))
        line += f", {spent / events * 1e6:5.1f} us for an event and watcher"
        line += f"; late {middle:.0f} ms, 99 % {slow:.0f}, at most {slowest:.0f}"
    print(line, flush=True)
    for process in processes:
        process.join()
    return spent


async def main() -> None:
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        async with service("queue", "--listen", QUEUE, "--data", folder) as queue, QueueClient(QUEUE) as client:
            player = Player(client)
            await asyncio.sleep(2)
            working = asyncio.create_task(player.work())
            for watchers in WATCHERS:
                await measure(client, player, queue, watchers, idler=False)
            await measure(client, player, queue, MOST, idler=True)
            working.cancel()


if __name__ == "__main__":
    asyncio.run(main())
