"""Those who submit: over HTTP and a WebSocket as ComfyUI clients do, and over gRPC."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import httpx
import websockets

from services.errors import AlreadyExists, InvalidArgument, NotFound, ServiceError
from services.graph.errors import PromptRejected
from services.queue.client import QueueClient
from services.queue.records import Event, Submission
from tests.chaos.system import System

#: Seconds between tries.
PAUSE = 0.2

#: Seconds after which a client that hears nothing looks into the history.
SILENCE = 5.0

#: Seconds that a call over HTTP may take.
CALL_TIMEOUT = 10.0


@dataclass
class Task:
    """A prompt that a client wants done."""

    seconds: float
    class_type: str = "ChaosWork"
    #: seconds after which the client takes it back; None for never
    stop_after: float | None = None
    #: before everything that waits
    front: bool = False
    prompt_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    accepted: bool = False
    #: the terminal events that the client saw of it
    ends: Counter[str] = field(default_factory=Counter)
    #: the durable events that it saw, over gRPC
    events: list[Event] = field(default_factory=list)
    #: whether it had to look into the history
    read_history: bool = False
    #: what must not happen, and did
    wrong: list[str] = field(default_factory=list)

    @property
    def graph(self) -> dict[str, Any]:
        """The workflow, which writes the prompt's id into the ledger."""
        inputs: dict[str, Any] = {"name": self.prompt_id}
        if self.class_type == "ChaosWork":
            inputs["seconds"] = self.seconds
        return {"1": {"class_type": self.class_type, "inputs": inputs}}


class Client(ABC):
    """Submits tasks and sees to it that it learns how they end."""

    async def do(self, task: Task) -> None:
        """Have a task done; returns when its end is known."""
        await self.submit(task)
        task.accepted = True
        if task.stop_after is None:
            await self.wait(task)
            return
        stopping = asyncio.create_task(self._stop_later(task))
        await self.wait(task)
        stopping.cancel()

    @abstractmethod
    async def submit(self, task: Task) -> None:
        """Try until it is accepted."""

    @abstractmethod
    async def wait(self, task: Task) -> None:
        """Wait until its end is known."""

    @abstractmethod
    async def stop(self, task: Task) -> None:
        """Take it back, once."""

    async def _stop_later(self, task: Task) -> None:
        assert task.stop_after is not None
        await asyncio.sleep(task.stop_after)
        while True:
            with contextlib.suppress(ServiceError, httpx.HTTPError):
                await self.stop(task)
                return
            await asyncio.sleep(PAUSE)


class HttpClient(Client):
    """Submits with ids of its own, listens at a socket, and reads the history when it hears nothing."""

    _ENDS = {"execution_success": "succeeded", "execution_error": "failed", "execution_interrupted": "interrupted"}

    def __init__(self, system: System) -> None:
        self._url = system.url
        self._client_id = uuid.uuid4().hex
        self._http = httpx.AsyncClient(base_url=self._url, timeout=CALL_TIMEOUT, trust_env=False)
        self._tasks: dict[str, Task] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> HttpClient:
        self._listening = asyncio.create_task(self._keep_listening())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
        await self._http.aclose()

    async def submit(self, task: Task) -> None:
        self._tasks[task.prompt_id] = task
        self._ended[task.prompt_id] = asyncio.Event()
        body = {"prompt": task.graph, "prompt_id": task.prompt_id, "client_id": self._client_id, "front": task.front}
        while True:
            with contextlib.suppress(httpx.HTTPError):
                answer = await self._http.post("/prompt", json=body)
                if answer.is_success:
                    return
                if answer.is_client_error:
                    task.wrong.append(f"refused: {answer.status_code} {answer.text[:300]}")
            await asyncio.sleep(PAUSE)

    async def wait(self, task: Task) -> None:
        ended = self._ended[task.prompt_id]
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), SILENCE)
                return
            if await self._is_in_history(task.prompt_id):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), SILENCE)
                task.read_history = not ended.is_set()
                return

    async def stop(self, task: Task) -> None:
        (await self._http.post("/queue", json={"delete": [task.prompt_id]})).raise_for_status()
        (await self._http.post("/interrupt", json={"prompt_id": task.prompt_id})).raise_for_status()

    async def _is_in_history(self, prompt_id: str) -> bool:
        """Whether it has ended; one that was taken back while it waited is neither in the history nor in the queue."""
        with contextlib.suppress(httpx.HTTPError, ValueError):
            if prompt_id in (await self._get(f"/history/{prompt_id}")):
                return True
            job = await self._http.get(f"/api/jobs/{prompt_id}")
            return job.is_success and job.json()["status"] == "cancelled"
        return False

    async def _get(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = (await self._http.get(path)).raise_for_status().json()
        return answer

    async def _keep_listening(self) -> None:
        address = f"{self._url.replace('http', 'ws')}/ws?clientId={self._client_id}"
        while True:
            told: set[str] = set()
            with contextlib.suppress(OSError, websockets.WebSocketException, TimeoutError):
                async with websockets.connect(address, proxy=None, open_timeout=CALL_TIMEOUT) as socket:
                    async for frame in socket:
                        if isinstance(frame, str):
                            self._hear(json.loads(frame), told)
            await asyncio.sleep(PAUSE)

    def _hear(self, message: dict[str, Any], told: set[str]) -> None:
        """Note an end; `told` are the prompts of whose end this socket has told already."""
        end = self._ENDS.get(message["type"])
        task = self._tasks.get(message["data"].get("prompt_id", "")) if end else None
        if end is None or task is None:
            return
        if task.prompt_id in told:
            task.wrong.append(f"told twice at one socket: {end}")
        told.add(task.prompt_id)
        task.ends[end] += 1
        self._ended[task.prompt_id].set()


class GrpcClient(Client):
    """Submits with ids of its own, watches each prompt, and resumes where a broken stream left off."""

    def __init__(self, system: System) -> None:
        self._queue = QueueClient(system.queues("clients"))

    async def __aenter__(self) -> GrpcClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._queue.close()

    async def submit(self, task: Task) -> None:
        submission = Submission(graph_json=json.dumps(task.graph).encode(), prompt_id=task.prompt_id, front=task.front)
        while True:
            try:
                await self._queue.submit(submission)
                return
            except (PromptRejected, InvalidArgument, AlreadyExists) as error:
                task.wrong.append(f"refused: {error}")
            except ServiceError:
                pass
            await asyncio.sleep(PAUSE)

    async def wait(self, task: Task) -> None:
        while not task.events or not task.events[-1].is_terminal:
            after = task.events[-1].sequence if task.events else 0
            try:
                async for batch in self._queue.watch(task.prompt_id, after_sequence=after):
                    task.events += [event for event in batch if event.is_durable]
                if not task.events or not task.events[-1].is_terminal:
                    task.wrong.append("a watch ended before the prompt did")
            except NotFound as error:
                task.wrong.append(f"accepted and then unknown: {error}")
                return
            except ServiceError:
                await asyncio.sleep(PAUSE)
        task.ends["terminal"] += sum(event.is_terminal for event in task.events)

    async def stop(self, task: Task) -> None:
        await self._queue.stop([task.prompt_id])
