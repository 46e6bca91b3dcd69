"""The executor as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.errors import InvalidArgument
from services.executor.service import Settings, worker_configuration
from services.files.servicer import file_servicer
from services.files.stores.memory import MemoryStore
from services.graph.events import NodeStarted
from services.queue.prompts import Queue
from services.queue.records import Submission
from services.queue.servicer import QueueServicer
from services.queue.stores.memory import MemoryStore as QueueMemory
from services.queue.worker_servicer import WorkerServicer
from services.rpc.server import serve
from tests.executor.platform import PACKS, PATIENCE, image_graph


@asynccontextmanager
async def platform_without_executor() -> AsyncIterator[tuple[Queue, str]]:
    queue = Queue(QueueMemory())
    await queue.start()
    servicers = [QueueServicer(queue).entry, WorkerServicer(queue).entry, file_servicer(MemoryStore())]
    async with serve("127.0.0.1:0", servicers) as server:
        yield queue, server.address
        await queue.close()


@asynccontextmanager
async def executor(address: str, data: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A process and the address of its health checks."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.executor", "--listen", "127.0.0.1:0", "--queue", address, "--files", address),
        *("--data", str(data), "--models", str(data), "--custom-nodes", str(PACKS), "--device", "cpu"),
        *("--drain-seconds", "1"),
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        while b"listening on " not in (line := await asyncio.wait_for(process.stderr.readline(), PATIENCE)):
            assert line, "the executor ended"
        draining = asyncio.create_task(process.stderr.read())
        yield process, line.decode().split("listening on ")[1].strip()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    await draining


async def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(round(PATIENCE / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never happened")


async def is_serving(health: str) -> bool:
    async with grpc.aio.insecure_channel(health) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def begun(queue: Queue, class_type: str) -> None:
    """Run a prompt with one node of a class that takes its time."""
    graph = json.dumps(image_graph(class_type)).encode()
    prompt_id = (await queue.submit(Submission(graph_json=graph))).prompt_id
    async for events in queue.watch(prompt_id):
        for event in events:
            if isinstance(event.body, NodeStarted) and event.body.node.node_id == "2":
                return


async def test_it_is_healthy_once_it_can_run_prompts_and_ends_when_asked_to(tmp_path: Path) -> None:
    async with platform_without_executor() as (queue, address), executor(address, tmp_path) as (process, health):
        assert not await is_serving(health)
        await begun(queue, "TestBlock")
        assert await is_serving(health)
        (described,) = await queue.executors()
        assert described.devices[0].type == "cpu"
        assert described.devices[0].vram_total > described.devices[0].vram_free > 0
        (worker,) = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
        assert not worker.is_running()
        assert (await queue.stats()).pending == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell a child of its parent's death")
async def test_a_worker_does_not_outlive_its_agent_whatever_it_does(tmp_path: Path) -> None:
    async with platform_without_executor() as (queue, address), executor(address, tmp_path) as (process, _):
        await begun(queue, "TestBlock")
        (worker,) = psutil.Process(process.pid).children()
        process.kill()
        await eventually(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--device", "abacus"], "abacus"),
        (["--cache", "lru:none"], "lru:none"),
        (["--vram-budget", "much"], "vram-budget 'much'"),
        (["--preview-method", "crystal"], "crystal"),
        (["--preview-size", "0"], "preview-size"),
        (["--custom-nodes", "/dev/null/packs"], "/dev/null/packs"),
        (["--data", "/dev/null/data"], "/dev/null/data"),
    ],
)
async def test_settings_that_cannot_work_are_one_clear_line(flags: list[str], named: str) -> None:
    command = [sys.executable, "-m", "services.executor", "--listen", "127.0.0.1:0", *flags]
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
    _, stderr = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 2
    assert len(stderr.decode().strip().splitlines()) == 1
    assert named in stderr.decode()


async def test_a_device_that_is_not_there_ends_the_executor(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "services.executor", "--listen", "127.0.0.1:0", "--device", "cuda:77"]
    process = await asyncio.create_subprocess_exec(
        *command, "--data", str(tmp_path), stderr=subprocess.PIPE, env=os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    )
    _, stderr = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 2
    assert b"CUDA" in stderr


@pytest.mark.parametrize(("wanted", "folder"), [("", "data/model-cache"), ("elsewhere", "elsewhere"), ("none", None)])
def test_models_of_the_file_service_are_kept_where_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, folder: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    configuration = worker_configuration(Settings(data=Path("data"), model_cache=wanted, model_cache_gb=0.5))
    assert configuration.model_cache == (str(tmp_path / folder) if folder else "")
    assert configuration.model_cache_bytes == 500_000_000
    assert folder is None or (tmp_path / folder).is_dir()


@pytest.mark.parametrize("gigabytes", [0.0, -1.0, float("nan"), float("inf")])
def test_a_cache_without_a_size_is_refused(tmp_path: Path, gigabytes: float) -> None:
    with pytest.raises(InvalidArgument, match="model-cache-gb"):
        worker_configuration(Settings(data=tmp_path, model_cache_gb=gigabytes))


def test_the_agent_imports_no_torch() -> None:
    code = "import sys, services.executor.service; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=PATIENCE).returncode == 0
