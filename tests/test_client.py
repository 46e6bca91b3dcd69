"""The client for platform teams, on services over gRPC."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf import json_format, message_factory

from services.client import OnConflict, PromptFailed, PromptRejected, PromptState, Silverprint, Submission
from services.client.silverprint import name_of
from services.errors import NotFound, Unavailable
from services.files.servicer import file_servicer
from services.files.stores.memory import MemoryStore as FilesInMemory
from services.graph.events import ExecutionFailed, ExecutionStarted, ExecutionSucceeded
from services.queue.prompts import Queue
from services.queue.servicer import QueueServicer
from services.queue.stores.memory import MemoryStore
from services.queue.worker_servicer import WorkerServicer
from services.rpc.server import serve
from silverprint.files.v1 import files_pb2
from silverprint.queue.v1 import queue_pb2
from tests.queue.executor import FakeExecutor, finished
from tests.queue.nodes import graph

PICTURE = b'{"images": [{"filename": "a.png", "subfolder": "s", "type": "output"}]}'


@dataclass
class Installation:
    queue: Queue
    client: Silverprint
    address: str


@pytest.fixture
async def here() -> AsyncIterator[Installation]:
    async with AsyncExitStack() as stack:
        queue = Queue(MemoryStore())
        await queue.start()
        stack.push_async_callback(queue.close)
        servicers = [QueueServicer(queue).entry, WorkerServicer(queue).entry, file_servicer(FilesInMemory())]
        server = await stack.enter_async_context(serve("127.0.0.1:0", servicers))
        client = await stack.enter_async_context(Silverprint(server.address, server.address, patience=0.2))
        yield Installation(queue, client, server.address)


async def test_a_workflow_is_run_and_what_it_made_is_saved(here: Installation, tmp_path: Path) -> None:
    seen: list[str] = []
    async with FakeExecutor(here.queue) as executor:
        prompt_id = await here.client.submit(Submission(graph_json=graph(), workflow_id="w"))
        lease = (await executor.assignment()).lease
        executor.tell(lease, ExecutionStarted(), finished("2", PICTURE), ExecutionSucceeded())
        result = await here.client.result(prompt_id, lambda event: seen.append(type(event.body).__name__))
    assert seen == ["Submitted", "Assigned", "ExecutionStarted", "NodeFinished", "ExecutionSucceeded"]
    assert (result.succeeded, result.error, result.prompt.workflow_id) == (True, "", "w")
    result.raise_if_failed()
    (output,) = result.outputs
    await here.client.files.put(name_of(output), b"picture", OnConflict.FAIL)
    path = await here.client.save(output, tmp_path / "new")
    assert (path.name, path.read_bytes()) == ("a.png", b"picture")
    await here.client.files.delete(name_of(output))
    with pytest.raises(NotFound):
        await here.client.read(output)


async def test_failing_is_a_result_and_being_refused_is_raised(here: Installation) -> None:
    async with FakeExecutor(here.queue) as executor:
        prompt_id = await here.client.submit(graph(2).decode())
        lease = (await executor.assignment()).lease
        executor.tell(lease, ExecutionStarted(), ExecutionFailed("1", "Number", "ValueError", "no\n"))
        result = await here.client.result(prompt_id)
        assert (result.succeeded, result.error) == (False, "node 1 (Number): ValueError: no")
        with pytest.raises(PromptFailed, match="ValueError: no"):
            result.raise_if_failed()
        with pytest.raises(PromptRejected):
            await here.client.run({"1": {"class_type": "Nothing", "inputs": {}}})
        with pytest.raises(NotFound):
            await here.client.result("nobody")


async def test_a_prompt_that_was_taken_back_says_so(here: Installation) -> None:
    async with FakeExecutor(here.queue, slots=0):
        prompt_id = await here.client.submit(graph())
        await here.client.queue.cancel([prompt_id])
        result = await here.client.result(prompt_id)
        assert (result.prompt.state, result.error) == (PromptState.CANCELLED, "the prompt was cancelled")


async def test_a_queue_that_stays_away_is_told(here: Installation) -> None:
    async with FakeExecutor(here.queue, slots=0):
        prompt_id = await here.client.submit(graph())
        await here.queue.close()
        with pytest.raises(Unavailable):
            await here.client.result(prompt_id)


def test_the_documented_example_is_the_one_that_is_run() -> None:
    docs = Path(__file__).resolve().parents[1] / "docs"
    _, _, example = (docs / "examples" / "pictures.py").read_text().partition("import asyncio\n")
    assert example in (docs / "grpc.md").read_text()


def test_the_documented_questions_can_be_asked() -> None:
    """What is given to grpcurl is what the protos have."""
    text = (Path(__file__).resolve().parents[1] / "docs" / "grpc.md").read_text().replace("\\\n", "")
    services = {
        "$queue": queue_pb2.DESCRIPTOR.services_by_name["QueueService"],
        "silverprint.files.v1.FileService": files_pb2.DESCRIPTOR.services_by_name["FileService"],
    }
    asked = re.findall(r"-d '(\{.*?\})'\s+\S+ (\S+)/(\w+)", text)
    assert len(asked) > 5
    for document, service, method in asked:
        request = services[service].methods_by_name[method].input_type
        json_format.Parse(document, message_factory.GetMessageClass(request)())
