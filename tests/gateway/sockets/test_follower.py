"""Following the queue through its restarts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.errors import Unavailable
from services.gateway.sockets import follower
from services.gateway.sockets.follower import Follower
from services.gateway.sockets.hub import Hub
from services.gateway.sockets.socket import Socket
from services.queue.client import QueueClient
from services.queue.prompts import Queue
from services.queue.records import Page, Submission
from services.queue.servicer import QueueServicer
from services.queue.stores.memory import MemoryStore
from services.queue.worker_servicer import WorkerServicer
from services.rpc.server import serve
from tests.gateway.executor import Script, ScriptedExecutor
from tests.gateway.stack import CLASSES, GRAPH, succeed, wait_for_interrupt


@asynccontextmanager
async def queue_server(store: MemoryStore, address: str = "127.0.0.1:0") -> AsyncIterator[str]:
    """A queue over `store`; entered again, it is that queue after a restart."""
    queue = Queue(store)
    await queue.start()
    try:
        async with serve(address, [QueueServicer(queue).entry, WorkerServicer(queue).entry]) as server:
            yield server.address
            await queue.close()
    finally:
        await queue.close()


@asynccontextmanager
async def following(
    address: str, hub: Hub, told: Callable[[float], None] = lambda happened_at: None
) -> AsyncIterator[None]:
    """A follower of the queue at `address`."""
    async with QueueClient(address) as client:
        task = asyncio.create_task(Follower(client, hub, told).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def submitted(address: str, prompt_id: str, script: Script, client_id: str = "me") -> AsyncIterator[QueueClient]:
    """A prompt, and an executor that runs it by `script`."""
    async with ScriptedExecutor(script, CLASSES).connected(address), QueueClient(address) as client:
        graph_json = json.dumps(GRAPH).encode()
        await client.submit(Submission(graph_json=graph_json, prompt_id=prompt_id, client_id=client_id))
        yield client


async def finished(client: QueueClient, prompt_id: str) -> None:
    """Return once the prompt has ended."""
    async for _ in client.watch(prompt_id):
        pass


async def told(socket: Socket, last: str) -> list[str]:
    """Types of the messages that a socket is sent, until one of type `last`."""
    types: list[str] = []
    complete = asyncio.Event()

    async def receive(payloads: Sequence[str | bytes]) -> None:
        for payload in payloads:
            if not complete.is_set():
                types.append(json.loads(payload)["type"])
            if types[-1] == last:
                complete.set()

    sending = asyncio.create_task(socket.send_all(receive))
    try:
        await asyncio.wait_for(complete.wait(), 20)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    return [type_ for type_ in types if type_ not in ("status", "progress_state")]


async def test_a_prompt_that_ran_while_the_queue_could_not_be_followed_is_told_afterwards() -> None:
    store, hub = MemoryStore(), Hub()
    socket = hub.socket("me")
    hub.join(socket, 0)
    async with queue_server(store) as address:
        first = following(address, hub)
        await first.__aenter__()
        async with submitted(address, "seen", succeed):
            assert "execution_success" in await told(socket, "execution_success")
    async with queue_server(store) as elsewhere, submitted(elsewhere, "missed", succeed) as client:
        await finished(client, "missed")
    async with queue_server(store, address):
        missed = await told(socket, "execution_success")
        await first.__aexit__(None, None, None)
    assert missed[-4:] == ["execution_start", "execution_cached", "executed", "execution_success"]
    assert missed.count("execution_success") == 1


async def test_when_what_is_told_happened_is_noted() -> None:
    hub, moments = Hub(), list[float]()
    socket = hub.socket("me")
    hub.join(socket, 0)
    began = time.time()
    async with (
        queue_server(MemoryStore()) as address,
        following(address, hub, moments.append),
        submitted(address, "seen", succeed),
    ):
        await told(socket, "execution_success")
    assert moments
    assert began - 1 < min(moments) <= max(moments) <= time.time() + 1


async def test_what_cannot_be_read_at_first_is_told_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was lost for good: the stream was open again, and nobody looked back a second time."""
    store, hub = MemoryStore(), Hub()
    socket = hub.socket("me")
    hub.join(socket, 0)
    failures = iter([Unavailable("cut off")] * 2)
    read = QueueClient.list

    async def fails_at_first(client: QueueClient, *states: Any, **page: Any) -> Page:
        if (failure := next(failures, None)) is not None:
            raise failure
        return await read(client, *states, **page)

    async with queue_server(store) as address:
        async with submitted(address, "missed", succeed) as client:
            await finished(client, "missed")
        monkeypatch.setattr(QueueClient, "list", fails_at_first)
        async with following(address, hub):
            assert "execution_success" in await told(socket, "execution_success")


async def test_however_much_happened_meanwhile_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "MISSED_LIMIT", 1)
    store, hub = MemoryStore(), Hub()
    sockets = [hub.socket(client_id) for client_id in ("a", "b", "c")]
    for socket in sockets:
        hub.join(socket, 0)
    async with queue_server(store) as address:
        for socket in sockets:
            async with submitted(address, f"of {socket.client_id}", succeed, socket.client_id) as client:
                await finished(client, f"of {socket.client_id}")
        async with following(address, hub):
            for socket in sockets:
                assert "execution_success" in await told(socket, "execution_success")


@pytest.mark.parametrize("forget", [False, True])
async def test_a_prompt_that_ended_meanwhile_does_not_run_for_ever(forget: bool) -> None:
    store, hub = MemoryStore(), Hub()
    socket = hub.socket("me")
    hub.join(socket, 0)
    async with queue_server(store) as address:
        first = following(address, hub)
        await first.__aenter__()
        async with submitted(address, "p", wait_for_interrupt):
            await told(socket, "executing")
    assert hub.under_way() == ["p"]
    async with queue_server(store) as elsewhere, QueueClient(elsewhere) as client:
        assert (await client.interrupt(["p"])).asked == ["p"]
        await finished(client, "p")
        if forget:
            await client.forget(["p"])
    async with queue_server(store, address):
        if not forget:
            assert await told(socket, "execution_interrupted") == ["execution_interrupted"]
        async with asyncio.timeout(20):
            while hub.under_way():  # noqa: ASYNC110 (the hub tells nobody that it forgot)
                await asyncio.sleep(0.01)
        await first.__aexit__(None, None, None)


async def test_what_ended_shortly_before_the_gateway_started_is_known() -> None:
    store, hub = MemoryStore(), Hub()
    async with queue_server(store) as address:
        async with submitted(address, "p", succeed) as client:
            await finished(client, "p")
        late = hub.socket("me")
        async with following(address, hub):
            hub.join(late, 0)
            assert "execution_success" in await told(late, "execution_success")
