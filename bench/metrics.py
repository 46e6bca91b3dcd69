"""What metrics cost: `python -m bench.metrics`.

First what counting takes of a tiny prompt: everything that is counted on its way through the processes, done by itself.
Beside what such a prompt takes in all (`python -m bench.prompts`) it is to be less than a hundredth. Then a scrape of a
gateway to whose queue 50 executors are connected.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import httpx
import uvloop
from prometheus_client import CollectorRegistry

from bench.path import show
from services.executor.metrics import ExecutorMetrics
from services.gateway.metrics import Metrics
from services.graph.events import ExecutionSucceeded
from services.queue import life as lives
from services.queue.client import QueueClient
from services.queue.life import Step
from services.queue.metrics.lives import LifeMetrics
from services.rpc.metrics import CallMetrics
from tests.contract.prompts import new
from tests.contract.test_queue_store import assign, record
from tests.queue.executor import FakeExecutor
from tests.queue.processes import service

EXECUTORS = 50
SCRAPES = 100
PROMPTS = 2_000
ROUNDS = 15


def steps() -> list[Step]:
    """The life of a prompt that succeeds."""
    submitted = lives.submit(new("p").life)
    assigned = assign(submitted.life)
    assert assigned is not None
    ended = record(ExecutionSucceeded())(assigned.life)
    assert ended is not None
    return [submitted, assigned, ended]


def counting() -> float:
    """Seconds that counting takes of a tiny prompt."""
    life = LifeMetrics(CollectorRegistry())
    gateway = Metrics()
    queue_calls, file_calls = CallMetrics(CollectorRegistry()), CallMetrics(CollectorRegistry())
    executor = ExecutorMetrics(CollectorRegistry())
    taken = steps()
    began = time.perf_counter()
    for _ in range(PROMPTS):
        gateway.answered("/prompt", "POST", 200, 0.004)
        queue_calls.ended("/silverprint.queue.v1.QueueService/Submit", grpc.StatusCode.OK, 0.002)
        for step in taken:
            life.see(step)
        executor.took("EmptyImage", 0.001)
        executor.took("PreviewImage", 0.001)
        file_calls.ended("/silverprint.files.v1.FileService/Put", grpc.StatusCode.OK, 0.001)
        executor.ended(ExecutionSucceeded())
    return (time.perf_counter() - began) / PROMPTS


@asynccontextmanager
async def gateway(queue: str) -> AsyncIterator[str]:
    """A gateway in front of a queue; there are no files."""
    flags = ["--port", "0", "--queue", queue, "--files", "127.0.0.1:1"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", "gateway", *flags, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        while not (found := re.search(rb"listening on (\S+)", await process.stderr.readline())):
            pass
        yield f"http://{found[1].decode()}"
    finally:
        process.kill()
        await process.wait()


async def scraping() -> list[float]:
    """Seconds of each scrape."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        queue = await stack.enter_async_context(service(Path(folder), "--metrics-listen", ""))
        client = await stack.enter_async_context(QueueClient(queue.address))
        for number in range(EXECUTORS):
            await stack.enter_async_context(FakeExecutor(client, f"executor-{number}"))
        address = await stack.enter_async_context(gateway(queue.address))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=address, trust_env=False))
        text = (await http.get("/metrics")).raise_for_status().text
        assert text.count("\nsilverprint_device_vram_total_bytes{") == EXECUTORS
        print(f"{len(text):,} bytes of {EXECUTORS} executors")
        took = []
        for _ in range(SCRAPES):
            began = time.perf_counter()
            await http.get("/metrics")
            took.append(time.perf_counter() - began)
            await asyncio.sleep(0.01)
        return took


async def main() -> None:
    """Measure both."""
    show("counting a tiny prompt", [counting() for _ in range(ROUNDS)], 1e6, "us")
    show("a scrape", await scraping(), 1e3, "ms")


if __name__ == "__main__":
    uvloop.run(main())
