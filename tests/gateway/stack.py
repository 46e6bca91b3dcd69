"""A gateway over a real queue and a real file service, all in this process, over gRPC and HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import websockets

from services.files.chunks import one_chunk
from services.files.client import FileClient
from services.files.records import FileKind, FileName, OnConflict
from services.files.servicer import file_servicer
from services.files.stores.memory import MemoryStore as FileStore
from services.gateway.service import Settings, serving
from services.gateway.web_ui.folders import NONE
from services.graph.events import (
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeFinished,
    NodeRef,
    NodesCached,
    NodeStarted,
)
from services.queue.api_keys.api_keys import ApiKeys
from services.queue.api_keys.servicer import ApiKeyServicer
from services.queue.client import QueueClient
from services.queue.prompts import Queue
from services.queue.servicer import QueueServicer
from services.queue.stores.memory import MemoryStore as QueueStore
from services.queue.worker_servicer import WorkerServicer
from services.rpc.server import serve
from tests.gateway.conformance import check_answer
from tests.gateway.executor import Script, ScriptedExecutor, ScriptedRun

RECORDED = Path(__file__).parent.parent / "recorded"

#: What every definition says, beside what the recorded classes say of theirs.
_DEFINITION: dict[str, Any] = {"input_order": {}, "output_is_list": [], "output_name": [], "display_name": None}
_DEFINITION |= {"description": "", "python_module": "nodes", "category": ""}

CLASSES = json.dumps(
    {
        name: _DEFINITION | definition
        for name, definition in json.loads((RECORDED / "submission_classes.json").read_bytes()).items()
    }
).encode()

#: A workflow that the recorded classes allow.
GRAPH: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 1}},
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
}
SHOWN = {"images": [{"filename": "ComfyUI_temp_aaaaa_00001_.png", "subfolder": "", "type": "temp"}]}

ONE, TWO = NodeRef.of_workflow("1"), NodeRef.of_workflow("2")


async def succeed(run: ScriptedRun) -> None:
    """Run `GRAPH` without trouble."""
    run.emit(
        ExecutionStarted(),
        NodesCached(()),
        NodeStarted(ONE),
        NodeFinished(ONE, b"", False),
        NodeStarted(TWO),
        NodeFinished(TWO, json.dumps(SHOWN).encode(), False),
        ExecutionSucceeded(),
    )


async def wait_for_interrupt(run: ScriptedRun) -> None:
    """Begin, and end when somebody interrupts."""
    run.emit(ExecutionStarted(), NodesCached(()), NodeStarted(ONE))
    await run.interrupted.wait()
    run.emit(ExecutionInterrupted("1", "EmptyImage", ()))


@dataclass
class Gateway:
    """A running gateway, and what stands behind it."""

    http: httpx.AsyncClient
    port: int
    queue: QueueClient
    files: FileClient
    executor: ScriptedExecutor
    #: those of another gateway beside this one
    settings: Settings

    async def submit(self, **more: Any) -> str:
        """Queue `GRAPH`; returns its id."""
        answer = await self.http.post("/prompt", json={"prompt": GRAPH, **more})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["prompt_id"])

    async def finished(self, prompt_id: str) -> dict[str, Any]:
        """The history entry of a prompt, once it has ended."""
        async with asyncio.timeout(20):
            async for _ in self.queue.watch(prompt_id):
                pass
        entry: dict[str, Any] = (await self.http.get(f"/history/{quote(prompt_id, safe='')}")).json()[prompt_id]
        return entry

    async def begun(self, prompt_id: str) -> None:
        """Return once a prompt runs."""
        async with asyncio.timeout(20), aclosing(self.queue.watch(prompt_id)) as batches:
            async for batch in batches:
                if any(isinstance(event.body, ExecutionStarted) for event in batch):
                    return

    async def store(self, name: str, content: bytes, kind: FileKind = FileKind.OUTPUT, subfolder: str = "") -> None:
        """Put a file where the gateway finds it."""
        await self.files.write(FileName(kind, subfolder, name), one_chunk(content), OnConflict.OVERWRITE)

    def socket(self, client_id: str = "", path: str = "/ws") -> websockets.connect:
        """A WebSocket, to be entered."""
        return websockets.connect(f"ws://127.0.0.1:{self.port}{path}?clientId={client_id}", proxy=None, max_size=None)


@asynccontextmanager
async def gateway(
    script: Script = succeed,
    *,
    executor: bool = True,
    max_upload_mb: int = 100,
    front_end: str = NONE,
    multi_user: bool = False,
    allowed_hosts: str = "",
    allowed_origins: str = "",
    keys: bool = False,
    classes: bytes = CLASSES,
) -> AsyncIterator[Gateway]:
    """A gateway for as long as the block lasts; without `executor` nobody runs anything."""
    async with AsyncExitStack() as stack:
        queue_store = QueueStore()
        queue = Queue(queue_store, catalogue_timeout=0.2, answer_timeout=0.2)
        await queue.start()
        stack.push_async_callback(queue.close)
        entries = [QueueServicer(queue).entry, WorkerServicer(queue).entry]
        entries.append(ApiKeyServicer(ApiKeys(queue_store.api_keys)).entry)
        queue_server = await stack.enter_async_context(serve("127.0.0.1:0", entries))
        store = await stack.enter_async_context(FileStore())
        file_server = await stack.enter_async_context(serve("127.0.0.1:0", [file_servicer(store)]))
        scripted = ScriptedExecutor(script, classes)
        if executor:
            await stack.enter_async_context(scripted.connected(queue_server.address))
        settings = Settings(
            port=0,
            queue=queue_server.address,
            files=file_server.address,
            max_upload_mb=max_upload_mb,
            front_end=front_end,
            multi_user=multi_user,
            allowed_hosts=allowed_hosts,
            allowed_origins=allowed_origins,
            keys=keys,
        )
        port = await stack.enter_async_context(serving(settings))
        yield Gateway(
            http=await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{port}",
                    trust_env=False,
                    timeout=20,
                    event_hooks={"response": [check_answer]},
                )
            ),
            port=port,
            queue=await stack.enter_async_context(QueueClient(queue_server.address)),
            files=await stack.enter_async_context(FileClient(file_server.address)),
            executor=scripted,
            settings=settings,
        )
