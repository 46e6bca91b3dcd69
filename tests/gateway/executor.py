"""An executor that does what a test says: a real Work stream to a real queue, without a worker behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from blake3 import blake3

from services.graph.events import ExecutionEvent
from services.queue.client import QueueClient
from services.queue.packs import HttpRequest, HttpResponsePart, PackRequest, PackResponse
from services.queue.records import Assignment, Device, HostInfo, MemoryUse
from services.queue.work import (
    CataloguePublication,
    EventBatch,
    ExecutorMessage,
    Heartbeat,
    Hello,
    Interruption,
    TimedEvent,
    Welcome,
)

GIB = 1 << 30

CPU = Device(
    name="cpu",
    type="cpu",
    index=None,
    vram_total=8 * GIB,
    vram_free=6 * GIB,
    torch_vram_total=8 * GIB,
    torch_vram_free=6 * GIB,
    memory=MemoryUse(
        budget=5 * GIB,
        models_loaded=3,
        device_bytes=0,
        host_bytes=GIB,
        mapped_bytes=2 * GIB,
        loads=7,
        load_seconds=1.5,
        evictions=4,
        steps={"free_caches": 2, "tile": 1},
    ),
)
HOST = HostInfo(os="posix", python_version="3.11.9", torch_version="2.13.0", ram_total=8 * GIB, ram_free=6 * GIB)


class ScriptedRun:
    """One assignment in the hands of a script."""

    def __init__(self, assignment: Assignment, send: Callable[[ExecutorMessage], None]) -> None:
        self.assignment = assignment
        self.interrupted = asyncio.Event()
        self._send = send

    def emit(self, *events: ExecutionEvent) -> None:
        """Report events, as one batch."""
        timed = tuple(TimedEvent(time.time(), event) for event in events)
        self._send(EventBatch(self.assignment.lease, timed))


PackHandler = Callable[[HttpRequest], Iterable[HttpResponsePart]]
Script = Callable[[ScriptedRun], Awaitable[None]]


class ScriptedExecutor:
    """Runs `script` for every assignment, one at a time."""

    def __init__(self, script: Script, definitions_json: bytes) -> None:
        self.script = script
        self._definitions_json = definitions_json
        self._outgoing: asyncio.Queue[ExecutorMessage] = asyncio.Queue()
        self._current: ScriptedRun | None = None
        self._running: set[asyncio.Task[None]] = set()
        self.welcomed = asyncio.Event()
        #: answers requests for node packs
        self.on_pack_request: PackHandler = lambda request: ()

    @asynccontextmanager
    async def connected(self, target: str) -> AsyncIterator[None]:
        """Be an executor of the queue at `target`."""
        async with QueueClient(target) as client:
            working = asyncio.create_task(self._work(client))
            try:
                await asyncio.wait_for(self.welcomed.wait(), 10)
                yield
            finally:
                for task in (working, *self._running):
                    task.cancel()
                await asyncio.gather(working, *self._running, return_exceptions=True)

    def say(self, message: ExecutorMessage) -> None:
        """Tell the queue something."""
        self._outgoing.put_nowait(message)

    async def _work(self, client: QueueClient) -> None:
        async for message in client.work(self._messages()):
            match message:
                case Welcome():
                    self._outgoing.put_nowait(self._catalogue())
                    self.welcomed.set()
                case Assignment():
                    task = asyncio.create_task(self._run(message))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
                case PackRequest(call_id, request):
                    for part in self.on_pack_request(request):
                        self.say(PackResponse(call_id, part))
                    self.say(PackResponse(call_id, None))
                case Interruption() if self._current is not None:
                    self._current.interrupted.set()

    async def _run(self, assignment: Assignment) -> None:
        self._current = ScriptedRun(assignment, self._outgoing.put_nowait)
        await self.script(self._current)
        self._current = None
        self._outgoing.put_nowait(Heartbeat(free_slots=1, leases=(), devices=(CPU,), host_info=HOST))

    async def _messages(self) -> AsyncIterator[ExecutorMessage]:
        yield Hello(
            executor_id="executor-1",
            host="here",
            version="0.1.0",
            slots=1,
            catalogue_digest=self._catalogue().digest,
            devices=(CPU,),
            host_info=HOST,
        )
        while True:
            yield await self._outgoing.get()

    def _catalogue(self) -> CataloguePublication:
        return CataloguePublication(blake3(self._definitions_json).hexdigest(), self._definitions_json)
