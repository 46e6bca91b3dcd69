"""Hundreds of watchers over gRPC: each is told everything, and one that does not read holds up nobody."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing

from services.graph.events import ExecutionStarted, ExecutionSucceeded, NodePreview, NodeRef
from services.queue.client import QueueClient
from services.queue.convert.prompts import event_to_proto
from services.queue.convert.shared_events import KEPT, SharedEvents
from services.queue.prompts import Queue
from services.queue.records import Event, Submitted
from services.queue.servicer import QueueServicer
from services.queue.worker_servicer import WorkerServicer
from services.rpc.server import serve
from silverprint.queue.v1 import queue_pb2 as pb
from tests.queue.executor import FakeExecutor, finished, progress
from tests.queue.nodes import submission

WATCHERS = 500
PER_CONNECTION = 50
PATIENCE = 40.0  # seconds
#: More than a connection and a buffer take of what nobody reads.
PREVIEW = NodePreview(NodeRef.of_workflow("1"), "image/jpeg", b"x" * (1 << 20))


async def durable(client: QueueClient, prompt_id: str, began: asyncio.Event) -> list[int]:
    """The numbers of the durable events of a prompt, up to its end."""
    numbers: list[int] = []
    async for batch in client.watch(prompt_id):
        began.set()
        numbers += (event.sequence for event in batch if event.is_durable)
    return numbers


async def test_hundreds_of_watchers_miss_nothing_beside_one_that_does_not_read(queue: Queue) -> None:
    async with AsyncExitStack() as stack:
        servicers = [QueueServicer(queue).entry, WorkerServicer(queue).entry]
        server = await stack.enter_async_context(serve("127.0.0.1:0", servicers))
        count = WATCHERS // PER_CONNECTION + 1
        slow, *clients = [await stack.enter_async_context(QueueClient(server.address)) for _ in range(count)]
        executor = await stack.enter_async_context(FakeExecutor(slow))
        prompt_id = (await slow.submit(submission())).prompt_id
        lease = (await executor.assignment()).lease
        began = [asyncio.Event() for _ in range(WATCHERS)]
        watching = [
            asyncio.create_task(durable(clients[number // PER_CONNECTION], prompt_id, flag))
            for number, flag in enumerate(began)
        ]
        reading_nothing = await stack.enter_async_context(aclosing(slow.watch(prompt_id, previews=True)))
        await anext(reading_nothing)
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(flag.wait() for flag in began))
            executor.tell(lease, ExecutionStarted(), *(progress("1", value) for value in range(20)))
            for _ in range(24):
                executor.tell(lease, PREVIEW)
            executor.tell(lease, finished("1"), finished("2"), ExecutionSucceeded())
            stories = await asyncio.gather(*watching)
        assert all(story == [1, 2, 3, 4, 5, 6] for story in stories)
        late = [event.sequence async for batch in reading_nothing for event in batch if event.is_durable]
        assert late == [3, 4, 5, 6]


def event(sequence: int) -> Event:
    return Event(prompt_id="p", sequence=sequence, happened_at=1.5, client_id="c", body=Submitted())


def test_a_shared_message_is_the_one_that_anybody_would_make() -> None:
    shared = SharedEvents()
    events = [event(number) for number in range(2 * KEPT)]
    for _ in range(2):
        assert shared.response(events) == pb.WatchResponse(events=map(event_to_proto, events))
