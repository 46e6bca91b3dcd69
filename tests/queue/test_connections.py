"""What happens to connections: clients that leave, read slowly, or hang up in the middle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import grpc
import pytest

from services.errors import ResourceExhausted
from services.graph.events import ExecutionStarted
from services.queue.client import QueueClient
from services.queue.prompts import Queue
from services.queue.servicer import QueueServicer
from services.queue.worker_servicer import WorkerServicer
from services.rpc.server import serve
from silverprint.executor.v1 import worker_pb2, worker_pb2_grpc
from tests.queue.executor import FakeExecutor, finished
from tests.queue.nodes import submission
from tests.queue.watching import eventually, happens, story, until


@pytest.fixture
async def address(queue: Queue) -> AsyncIterator[str]:
    async with serve("127.0.0.1:0", [QueueServicer(queue).entry, WorkerServicer(queue).entry]) as server:
        yield server.address


@pytest.fixture
async def client(address: str) -> AsyncIterator[QueueClient]:
    async with QueueClient(address) as client:
        yield client


async def test_a_watcher_that_leaves_is_forgotten(queue: Queue, client: QueueClient, address: str) -> None:
    async with FakeExecutor(queue, slots=0):
        prompt_id = (await client.submit(submission(1))).prompt_id
    another = QueueClient(address)
    watches = [client.watch(), client.watch(prompt_id, previews=True), another.watch(prompt_id)]
    for watch in watches:
        await anext(watch)
    hub = queue._hub
    assert (len(hub._of_all), len(hub._of_one[prompt_id])) == (1, 2)
    await watches[0].aclose()
    await watches[1].aclose()
    await another.close()

    async def nobody_is_there() -> bool:
        return not hub._of_all and not hub._of_one

    await eventually(nobody_is_there)


async def test_an_executor_that_vanishes_is_forgotten_without_a_fuss(
    queue: Queue, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with QueueClient(address) as client:
        executor = FakeExecutor(client, "gone")
        await executor.__aenter__()
        assert len(await queue.executors()) == 1

    async def nobody_is_there() -> bool:
        return not await queue.executors()

    await eventually(nobody_is_there)
    await executor.vanish()
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_stream_that_ends_before_it_began_is_harmless(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        stub = worker_pb2_grpc.WorkerServiceStub(channel)
        call = stub.Work()
        await call.done_writing()
        assert await call.read() == grpc.aio.EOF


async def test_a_message_of_an_unknown_kind_is_passed_over(queue: Queue, address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        call = worker_pb2_grpc.WorkerServiceStub(channel).Work()
        await call.write(worker_pb2.WorkRequest(hello=worker_pb2.Hello(executor_id="e", slots=3)))
        welcome = await call.read()
        assert isinstance(welcome, worker_pb2.WorkResponse) and welcome.HasField("welcome")
        await call.write(worker_pb2.WorkRequest())
        await call.write(worker_pb2.WorkRequest(heartbeat=worker_pb2.Heartbeat(free_slots=3)))

        async def it_was_heard() -> bool:
            return [executor.free_slots for executor in await queue.executors()] == [3]

        await eventually(it_was_heard)
        call.cancel()


async def test_a_slow_watcher_is_told_so_and_slows_nobody_else(queue: Queue, client: QueueClient) -> None:
    large = finished("1", b'{"text": "%s"}' % (b"x" * (1 << 20)))
    async with FakeExecutor(queue) as executor:
        prompt_id = (await client.submit(submission(1))).prompt_id
        lease = (await executor.assignment()).lease
        slow = client.watch(prompt_id)
        await anext(slow)
        executor.tell(lease, ExecutionStarted())
        await happens(client, prompt_id, ExecutionStarted)
        quick = asyncio.create_task(story(client, prompt_id))
        for sequence in range(4, 34):
            executor.tell(lease, large)
            await until(queue, prompt_id, lambda event: event.sequence == sequence)  # noqa: B023 - called at once
            await asyncio.sleep(0.01)  # the quick one keeps up
        executor.succeed(lease)
        assert (await quick)[-1].is_terminal
        seen = 0
        with pytest.raises(ResourceExhausted, match="too slowly"):
            async for batch in slow:
                seen = batch[-1].sequence
        rest = await story(client, prompt_id, after_sequence=seen)
        assert (rest[0].sequence, rest[-1].is_terminal) == (seen + 1, True)
