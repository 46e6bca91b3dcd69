"""Every queue there is: over each kind of store, and from the other end of a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

import pytest

from services.queue.client import QueueClient
from services.queue.prompts import Queue
from services.queue.servicer import QueueServicer
from services.queue.stores.base import QueueStore
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


@pytest.fixture(params=[*KINDS, "remote"])
async def queue(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Queue]:
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
