"""The whole platform with two replicas of the queue, of which one is killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from services.executor.links import suitability
from services.queue.client import QueueClient
from services.queue.records import Prompt
from tests.e2e.stack import PACKS, PATIENCE, wait_for
from tests.e2e.test_crashes import prompt, sleeping
from tests.e2e.test_sockets import heard, is_end, listening, of_type
from tests.postgres import PostgresServer
from tests.queue.test_replica_processes import free_port

EXECUTOR = "the-only-one"


@contextmanager
def process(*arguments: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One of our services, until the block ends."""
    with log.open("wb") as written:
        started = subprocess.Popen([sys.executable, "-m", "services", *arguments], stderr=written)
        try:
            yield started
        finally:
            started.terminate()
            try:
                started.wait(10)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


async def read(address: str, prompt_id: str) -> Prompt:
    async with QueueClient(address) as client:
        return await client.get(prompt_id)


@pytest.mark.timeout(240)
def test_clients_are_told_everything_once_when_the_home_of_the_executor_is_killed(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    asyncio.run(postgres.execute("CREATE DATABASE platform"))
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    files, gateway = f"127.0.0.1:{free_port()}", free_port()
    queue, data = ",".join(addresses), ("--data", str(tmp_path))
    home = max(addresses, key=lambda address: suitability(EXECUTOR, address))
    with ExitStack() as stack:

        def start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
            return stack.enter_context(process(*arguments, log=tmp_path / f"{name}.log"))

        start("files", "files", "--listen", files, *data, "--models", str(tmp_path / "models"))
        database = ("--database", postgres.url("platform"))
        queues = {each: start(each, "queue", "--listen", each, *data, *database) for each in addresses}
        reached = ("--queue", queue, "--files", files)
        start("gateway", "gateway", "--port", str(gateway), *reached)
        worked = ("--custom-nodes", str(PACKS), "--models", str(tmp_path / "models"), "--device", "cpu")
        start("executor", "executor", "--listen", "127.0.0.1:0", *reached, *data, *worked, "--executor-id", EXECUTOR)
        url = f"http://127.0.0.1:{gateway}"
        with httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False) as client, listening(url, "me") as socket:

            def submit(seconds: float) -> str:
                answer = client.post("/prompt", json={"prompt": prompt(sleeping(seconds)), "client_id": "me"})
                assert answer.status_code == 200, answer.text
                return str(answer.json()["prompt_id"])

            wait_for(lambda: "TestSleep" in client.get("/object_info").text, "the node classes")
            running, waiting = submit(3), submit(0.1)
            told = heard(socket, of_type("progress"))
            queues[home].kill()
            late = submit(0.1)
            for prompt_id in (running, waiting, late):
                told += heard(socket, is_end)
                types = [message["type"] for message in told if message["data"].get("prompt_id") == prompt_id]
                for once in ("execution_start", "execution_cached", "executed", "execution_success"):
                    assert types.count(once) == 1, (once, types)
                assert client.get(f"/history/{prompt_id}").json()[prompt_id]["status"]["status_str"] == "success"
            (other,) = set(addresses) - {home}
            assert len(asyncio.run(read(other, running)).attempts) == 1
