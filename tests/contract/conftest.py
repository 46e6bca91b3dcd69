"""Every queue there is: over each kind of store, and from the other end of a connection."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Self, cast

import pytest

from services.queue.client import QueueClient
from services.queue.prompts import Queue
from services.queue.servicer import QueueServicer
from services.queue.stores.base import QueueStore
from services.queue.stores.postgres import PostgresStore
from services.queue.work import ExecutorMessage, QueueMessage
from services.queue.worker_servicer import WorkerServicer
from services.rpc.server import serve
from tests.contract.stores import KINDS, opened
from tests.queue.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[QueueStore]:
    async with opened(request.param, tmp_path, request) as store:
        yield store


class Crossed(QueueClient):
    """A client that asks the first replica, while executors work for the second one."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        for number, replica in enumerate(self.replicas.current()):
            replica.place = number
        return self

    def work(self, messages: AsyncIterator[ExecutorMessage]) -> AsyncGenerator[QueueMessage, None]:
        return self.replicas.current()[1].work(messages)


@asynccontextmanager
async def replicas(request: pytest.FixtureRequest, folder: Path, clock: ManualClock) -> AsyncIterator[Crossed]:
    """Two replicas on one database, from the other end of connections."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(request.getfixturevalue("postgres").reused("queue"))
        addresses = []
        for _ in range(2):
            store = await PostgresStore.open(database)
            stack.push_async_callback(store.close)
            queue = Queue(store, lease_seconds=30.0, clock=clock, catalogue_timeout=4.0)
            await queue.start()
            stack.push_async_callback(queue.close)
            servicers = [QueueServicer(queue).entry, WorkerServicer(queue).entry]
            server = await stack.enter_async_context(serve("127.0.0.1:0", servicers))
            addresses.append(server.address)
        yield await stack.enter_async_context(Crossed(",".join(addresses)))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every kind of queue, unless a test names its own; replicas where executors need not be known to all of them."""
    chosen = any(mark.args[0] == "queue" for mark in metafunc.definition.iter_markers("parametrize"))
    if "queue" in metafunc.fixturenames and not chosen:
        is_crossed = metafunc.module.__name__.endswith("test_queue_watching")
        metafunc.parametrize("queue", [*KINDS, "remote", *(["replicas"] if is_crossed else [])], indirect=True)


@pytest.fixture
async def queue(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Queue]:
    if request.param == "replicas":
        async with replicas(request, tmp_path, clock) as crossed:
            yield cast(Queue, crossed)
        return
    kind = "sqlite" if request.param == "remote" else request.param
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(opened(kind, tmp_path, request))
        patience = 0.2 if kind == "memory" else 1.0  # a catalogue is known once it is on the disk
        queue = Queue(store, lease_seconds=30.0, clock=clock, catalogue_timeout=patience)
        await queue.start()
        stack.push_async_callback(queue.close)
        if request.param != "remote":
            yield queue
            return
        servicers = [QueueServicer(queue).entry, WorkerServicer(queue).entry]
        server = await stack.enter_async_context(serve("127.0.0.1:0", servicers))
        client = await stack.enter_async_context(QueueClient(server.address))
        yield cast(Queue, client)
