"""An executor played by the test: it speaks the Work stream and runs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Protocol, TypeVar

from services.graph.events import (
    ExecutionEvent,
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeFinished,
    NodeProgress,
    NodeRef,
    NodesCached,
    NodeStarted,
)
from services.queue.records import Assignment, Device, HostInfo, Lease, MemoryUse
from services.queue.work import (
    CataloguePublication,
    EventBatch,
    ExecutorMessage,
    Heartbeat,
    Hello,
    LeaseRelease,
    QueueMessage,
    TimedEvent,
    Welcome,
)
from tests.queue.nodes import publication

M = TypeVar("M", bound=QueueMessage)

PATIENCE = 10.0  # seconds

HOST = HostInfo(os="linux", python_version="3.11", torch_version="2.13", ram_total=8 << 30, ram_free=4 << 30)
DEVICE = Device(
    name="cpu",
    type="cpu",
    index=None,
    vram_total=8 << 30,
    vram_free=4 << 30,
    torch_vram_total=0,
    torch_vram_free=0,
    memory=MemoryUse(
        budget=7 << 30,
        models_loaded=1,
        device_bytes=2,
        host_bytes=3,
        mapped_bytes=4,
        loads=5,
        load_seconds=6.5,
        evictions=7,
        steps={"tile": 8},
        files=("sd15.safetensors",),
    ),
)


class Worked(Protocol):
    """A queue, near or far."""

    def work(self, messages: AsyncIterator[ExecutorMessage]) -> AsyncIterator[QueueMessage]: ...


class FakeExecutor:
    """Connects on entering the block, leaves at its end."""

    def __init__(
        self,
        queue: Worked,
        executor_id: str = "executor",
        *,
        slots: int = 1,
        held: Sequence[Lease] = (),
        catalogue: CataloguePublication | None = None,
        standby: bool = False,
    ) -> None:
        self.catalogue = catalogue or publication()
        self.hello = Hello(
            executor_id=executor_id,
            host="test",
            version="0",
            slots=slots,
            catalogue_digest=self.catalogue.digest,
            devices=(DEVICE,),
            host_info=HOST,
            held_leases=tuple(held),
            standby=standby,
        )
        self.welcome: Welcome | None = None
        self._queue = queue
        self._outbox: asyncio.Queue[ExecutorMessage | None] = asyncio.Queue()
        self._inbox: asyncio.Queue[QueueMessage] = asyncio.Queue()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> FakeExecutor:
        self.say(self.hello)
        self._reading = asyncio.create_task(self._read())
        self.welcome = await self.next(Welcome)
        if self.welcome.catalogue_wanted:
            self.say(self.catalogue)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.vanish()

    async def vanish(self) -> None:
        """Drop the connection without a word."""
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading

    async def leave(self) -> None:
        """Say everything that was to be said, then hang up."""
        self._outbox.put_nowait(None)
        await self.ended()

    async def ended(self) -> None:
        """Wait until the queue ends the stream; raises what it ends it with."""
        await asyncio.wait_for(asyncio.shield(self._ended), PATIENCE)

    def say(self, message: ExecutorMessage) -> None:
        self._outbox.put_nowait(message)

    def beat(
        self,
        *leases: Lease,
        free_slots: int = 1,
        standby: bool = False,
        draining: bool = False,
        device: Device = DEVICE,
    ) -> None:
        beat = Heartbeat(
            free_slots=free_slots,
            leases=leases,
            devices=(device,),
            host_info=HOST,
            standby=standby,
            draining=draining,
        )
        self.say(beat)

    def tell(self, lease: Lease, *events: ExecutionEvent) -> None:
        self.say(EventBatch(lease, tuple(TimedEvent(1_000_000.5, event) for event in events)))

    def succeed(self, lease: Lease) -> None:
        self.tell(lease, ExecutionStarted(), NodesCached(()), finished("2"), ExecutionSucceeded())

    def interrupted(self, lease: Lease) -> None:
        self.tell(lease, ExecutionInterrupted("1", "Number"))

    def give_back(self, lease: Lease, reason: str, *, counts: bool) -> None:
        """Release a lease, and be ready for the next one."""
        self.say(LeaseRelease(lease, reason, counts))
        self.beat()

    async def next(self, kind: type[M]) -> M:
        """The next message, which must be of this kind."""
        message = await asyncio.wait_for(self.anything(), PATIENCE)
        assert isinstance(message, kind), message
        return message

    async def anything(self) -> QueueMessage:
        """The next message, whenever it comes."""
        return await self._inbox.get()

    async def assignment(self) -> Assignment:
        return await self.next(Assignment)

    def nothing_more(self) -> bool:
        """Whether nothing has arrived that was not read."""
        return self._inbox.empty()

    async def _messages(self) -> AsyncIterator[ExecutorMessage]:
        while (message := await self._outbox.get()) is not None:
            yield message

    async def _read(self) -> None:
        try:
            async for message in self._queue.work(self._messages()):
                self._inbox.put_nowait(message)
        except Exception as error:
            self._ended.set_exception(error)
            self._ended.exception()
        else:
            self._ended.set_result(None)


def started(node_id: str) -> NodeStarted:
    return NodeStarted(NodeRef.of_workflow(node_id))


def progress(node_id: str, value: float) -> NodeProgress:
    return NodeProgress(NodeRef.of_workflow(node_id), value, 20.0)


def finished(node_id: str, output_json: bytes = b'{"text": ["1"]}') -> NodeFinished:
    return NodeFinished(NodeRef.of_workflow(node_id), output_json, False)
