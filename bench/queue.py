"""The queue as a service, from both ends: `python -m bench.queue`.

16 callers submit over gRPC and wait for the end, 4 executors in a process of their own answer at once, the queue is a
process on SQLite, then on PostgreSQL (18, from PyPI, which flushes to the disk as well). Then, while nothing else
happens, how long a submission takes to reach an idle executor, and to be answered.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import uvloop

from bench.path import show
from services.queue.client import QueueClient
from services.queue.records import Assignment, Event
from tests.postgres import PostgresServer
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import submission
from tests.queue.processes import service

SUBMITTERS = 16
EXECUTORS = 4
PROMPTS = 2_000
ROUNDS = 300
#: Seconds between two prompts when nothing else is to happen.
PAUSE = 0.01

#: Beside whatever PostgreSQL has by itself, as tests do without.
FLUSHING = "fsync = on\nfull_page_writes = on\nshared_buffers = 128MB\n"

_numbers = itertools.count()


async def main() -> None:
    """Measure both stores."""
    with TemporaryDirectory() as folder:
        await _measure("SQLite", Path(folder))
    postgres = PostgresServer(FLUSHING)
    try:
        postgres.start()
        async with postgres.database() as database:
            with TemporaryDirectory() as folder:
                await _measure("PostgreSQL", Path(folder), "--database", database)
    finally:
        postgres.stop()


async def _measure(name: str, folder: Path, *flags: str) -> None:
    print(name)
    async with service(folder, "--metrics-listen", "", *flags) as queue:
        process = psutil.Process(queue.process.pid)
        async with QueueClient(queue.address) as client:
            ours, theirs = multiprocessing.Pipe()
            executors = multiprocessing.Process(target=_execute, args=(queue.address, EXECUTORS, theirs), daemon=True)
            executors.start()
            ours.recv()
            await client.catalogue()
            await _cycles(client, PROMPTS // 10)
            began, used = time.perf_counter(), sum(process.cpu_times()[:2])
            await _cycles(client, PROMPTS)
            took, used = time.perf_counter() - began, sum(process.cpu_times()[:2]) - used
            print(f"  {PROMPTS / took:,.0f} prompts/s, {used / PROMPTS * 1e6:,.0f} us of the queue's CPU each")
            executors.kill()
            executors.join()
        async with QueueClient(queue.address) as client, QueueClient(queue.address) as other:
            reached, answered = await _latencies(client, other)
        show("  submission to assignment", reached, 1e3, "ms")
        show("  submission to answer", answered, 1e3, "ms")


async def _cycles(client: QueueClient, prompts: int) -> None:
    """Submit so many prompts, a few at a time, and wait for the end of each."""
    waiting: dict[str, asyncio.Event] = {}
    ended: set[str] = set()

    async def listen() -> None:
        async with aclosing(client.watch()) as batches:
            async for event in _events(batches):
                if event.is_terminal:
                    ended.add(event.prompt_id)
                    if event.prompt_id in waiting:
                        waiting[event.prompt_id].set()

    async def submit() -> None:
        for _ in range(prompts // SUBMITTERS):
            prompt_id = (await client.submit(submission(next(_numbers)))).prompt_id
            if prompt_id not in ended:
                waiting[prompt_id] = asyncio.Event()
                await waiting[prompt_id].wait()

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.2)
    await asyncio.gather(*(submit() for _ in range(SUBMITTERS)))
    listening.cancel()


async def _events(batches: AsyncIterator[list[Event]]) -> AsyncIterator[Event]:
    async for batch in batches:
        for event in batch:
            yield event


async def _latencies(client: QueueClient, worked: QueueClient) -> tuple[list[float], list[float]]:
    reached, answered = [], []
    async with FakeExecutor(worked, "idle") as executor:
        await asyncio.sleep(1.0)
        for _ in range(ROUNDS):
            await asyncio.sleep(PAUSE)
            began = time.perf_counter()
            submitting = asyncio.create_task(client.submit(submission(next(_numbers))))
            submitting.add_done_callback(lambda _, began=began: answered.append(time.perf_counter() - began))  # type: ignore[misc]
            lease = (await executor.assignment()).lease
            reached.append(time.perf_counter() - began)
            await submitting
            executor.succeed(lease)
            executor.beat()
    return reached, answered


def _execute(address: str, executors: int, ready: Connection) -> None:
    async def one(number: int) -> None:
        async with QueueClient(address) as client, FakeExecutor(client, f"executor-{number}") as executor:
            while True:
                message = await executor.anything()
                if isinstance(message, Assignment):
                    executor.succeed(message.lease)

    async def all_of_them() -> None:
        working = [asyncio.create_task(one(number)) for number in range(executors)]
        await asyncio.sleep(1.0)
        ready.send(None)
        await asyncio.gather(*working)

    uvloop.run(all_of_them())


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    uvloop.run(main())
