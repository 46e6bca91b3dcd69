"""An executor among the real services: queue and file service in memory, the worker a process."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from services.errors import Unavailable
from services.executor.agent import Agent
from services.executor.ipc import Configure
from services.executor.worker_process import WorkerProcess
from services.files.records import FileKind, FileName, OnConflict
from services.files.servicer import file_servicer
from services.files.stores.base import FileStore
from services.files.stores.memory import MemoryStore
from services.graph.events import ExecutionEvent, NodeFinished
from services.queue.client import QueueClient
from services.queue.prompts import Queue
from services.queue.records import Event, LifecycleEvent, Prompt, Submission
from services.queue.servicer import QueueServicer
from services.queue.stores.memory import MemoryStore as QueueMemory
from services.queue.work import ExecutorMessage, QueueMessage
from services.queue.worker_servicer import WorkerServicer
from services.rpc.server import serve
from services.stopping import Stop

PACKS = Path(__file__).resolve().parents[1] / "packs"

#: Seconds until something that surely happens has happened, on a busy machine.
PATIENCE = 40.0

E = TypeVar("E", bound=ExecutionEvent | LifecycleEvent)


def image_graph(*between: str, **inputs: Any) -> dict[str, Any]:
    """A small picture through one node of each class of `between` (with `inputs`) into a file."""
    graph: dict[str, Any] = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 6, "height": 4, "batch_size": 1, "color": 0xFF0000}}
    }
    for class_type in between:
        graph[str(len(graph) + 1)] = {"class_type": class_type, "inputs": {"image": [str(len(graph)), 0], **inputs}}
    save = {"images": [str(len(graph)), 0], "filename_prefix": "made"}
    graph["9"] = {"class_type": "SaveImage", "inputs": save}
    return graph


class Gate:
    """The way from an agent to its queue, which can be cut and held shut."""

    def __init__(self, target: str) -> None:
        self.address = target
        self._is_held = False
        self._cut = asyncio.Event()

    def cut(self) -> None:
        """Break the stream that is open."""
        self._cut.set()

    def hold(self) -> None:
        """Let no new stream through."""
        self._is_held = True

    def release(self) -> None:
        """Let streams through again."""
        self._is_held = False

    async def work(self, messages: AsyncIterator[ExecutorMessage]) -> AsyncGenerator[QueueMessage, None]:
        """The Work stream, as far as the gate is open."""
        if self._is_held:
            raise Unavailable("the gate is shut")
        self._cut.clear()
        async with QueueClient(self.address) as client, aclosing(client.work(messages)) as stream:
            while True:
                following = asyncio.ensure_future(anext(stream, None))
                cut = asyncio.ensure_future(self._cut.wait())
                await asyncio.wait([following, cut], return_when=asyncio.FIRST_COMPLETED)
                cut.cancel()
                if not following.done():
                    following.cancel()
                    await asyncio.wait([following])
                    raise Unavailable("the stream was cut")
                message = following.result()
                if message is None:
                    return
                yield message


class Gates:
    """The ways to the replicas of a queue, which do not change."""

    def __init__(self, *gates: Gate) -> None:
        self._gates = gates

    def current(self) -> Sequence[Gate]:
        """All of them."""
        return self._gates

    async def changed(self) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()


@dataclass
class Platform:
    """A running executor and what it is connected to."""

    queue: Queue
    files: FileStore
    gate: Gate
    stop: Stop
    #: done once the agent is
    stopped: asyncio.Task[None]
    #: every worker that was started
    workers: list[WorkerProcess]
    models: Path

    async def submit(self, graph: dict[str, Any], **more: Any) -> str:
        """Queue a prompt; returns its id."""
        return (await self.queue.submit(Submission(graph_json=json.dumps(graph).encode(), **more))).prompt_id

    async def run(self, graph: dict[str, Any], **more: Any) -> Prompt:
        """Queue a prompt and wait until it has ended."""
        return await self.ended(await self.submit(graph, **more))

    async def ended(self, prompt_id: str) -> Prompt:
        """The prompt, once it has ended."""
        async with asyncio.timeout(PATIENCE):
            async for _ in self.queue.watch(prompt_id):
                pass
        return await self.queue.get(prompt_id)

    async def until(self, prompt_id: str, kind: type[E], **watching: Any) -> E:
        """The first event of a kind."""
        async with asyncio.timeout(PATIENCE):
            async for events in self.queue.watch(prompt_id, **watching):
                for event in events:
                    if isinstance(event.body, kind):
                        return event.body
        raise AssertionError(f"no {kind.__name__} happened")

    async def catalogue_with(self, class_type: str, name: str, choice: str) -> dict[str, Any]:
        """The node definitions, once one of them offers `choice` for its input `name`."""
        for _ in range(round(PATIENCE / 0.1)):
            definitions: dict[str, Any] = json.loads((await self.queue.catalogue())[1] or b"{}")
            if choice in definitions[class_type]["input"]["required"][name][0]:
                return definitions
            await asyncio.sleep(0.1)
        raise AssertionError(f"{class_type} never offered {choice}")

    async def put(self, filename: str, content: bytes, kind: FileKind = FileKind.INPUT) -> None:
        """Place a file."""
        await self.files.write(FileName(kind, "", filename), _once(content), OnConflict.OVERWRITE)

    async def content(self, image: dict[str, str]) -> bytes:
        """A saved file, as a node's output names it."""
        name = FileName(FileKind(image["type"]), image["subfolder"], image["filename"])
        async with self.files.open(name) as file:
            return await file.read()

    async def picture(self, image: dict[str, str]) -> Image.Image:
        """A saved picture."""
        return Image.open(io.BytesIO(await self.content(image)))


@asynccontextmanager
async def platform(
    folder: Path,
    *,
    lease_seconds: float = 10.0,
    interrupt_grace: float = 5.0,
    drain_seconds: float = 0.0,
    files: MemoryStore | None = None,
) -> AsyncIterator[Platform]:
    """Start an executor with the test packs and wait until it is ready to run prompts; its models may be in `files`."""
    queue = Queue(QueueMemory(), lease_seconds=lease_seconds, max_attempts=2)
    await queue.start()
    files = files or MemoryStore()
    servicers = [QueueServicer(queue).entry, WorkerServicer(queue).entry, file_servicer(files)]
    async with serve("127.0.0.1:0", servicers) as server:
        models = folder / "models"
        configuration = Configure(
            files=server.address,
            cache=str(folder / "cache"),
            models=(str(models),),
            model_cache=str(folder / "model-cache"),
            model_cache_bytes=1 << 30,
            custom_nodes=(str(PACKS),),
            device="cpu",
        )
        workers: list[WorkerProcess] = []
        is_ready, stop = asyncio.Event(), Stop()

        async def start_worker(left_out: Mapping[str, str]) -> WorkerProcess:
            workers.append(await WorkerProcess.start(configuration, left_out))
            return workers[-1]

        async def on_readiness(ready: bool) -> None:
            is_ready.set() if ready else is_ready.clear()

        gate = Gate(server.address)
        agent = Agent(
            "tested",
            Gates(gate),
            start_worker,
            on_readiness,
            interrupt_grace=interrupt_grace,
            drain_seconds=drain_seconds,
        )
        running = asyncio.create_task(agent.run(stop))
        try:
            async with asyncio.timeout(PATIENCE):
                await is_ready.wait()
            yield Platform(queue, files, gate, stop, running, workers, models)
        finally:
            stop.set()
            stop.at_once.set()
            try:
                await running
            finally:
                await queue.close()


def outputs_of(prompt: Prompt) -> dict[str, Any]:
    """What the nodes of a finished prompt show, by node id."""
    finished = [event.body for event in prompt.events if isinstance(event.body, NodeFinished)]
    return {body.node.node_id: json.loads(body.output_json) for body in finished if body.output_json}


def kinds(events: list[Event] | tuple[Event, ...]) -> list[str]:
    """The events by name."""
    return [type(event.body).__name__ for event in events]


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
