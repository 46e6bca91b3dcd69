"""The queue as a real process: what it answered survives its death."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from services.errors import Unavailable
from services.queue.client import QueueClient
from services.queue.records import PromptState, Stats
from tests.postgres import PostgresServer
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import submission
from tests.queue.processes import PATIENCE, service
from tests.queue.watching import names, story


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """What the queues of a test keep their prompts in: a URL, or nothing."""
    if request.param == "sqlite":
        yield ""
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    async with postgres.reused("queue") as url:
        monkeypatch.setenv("SILVERPRINT_DATABASE", url)
        yield url


async def test_what_was_answered_survives_sigkill(tmp_path: Path, database: str) -> None:
    async with service(tmp_path) as queue, QueueClient(queue.address) as client, FakeExecutor(client) as executor:
        await client.submit(submission(0, prompt_id="running"))
        lease = (await executor.assignment()).lease
        waiting = await asyncio.gather(*(client.submit(submission(i)) for i in range(1, 40)))
        assert await queue.end(signal.SIGKILL) == -signal.SIGKILL
        with pytest.raises(Unavailable):
            await executor.ended()
    async with service(tmp_path) as queue, QueueClient(queue.address) as client:
        listed, _ = await client.list({PromptState.PENDING})
        assert [(p.prompt_id, p.number) for p in listed] == sorted(
            ((answer.prompt_id, answer.number) for answer in waiting), key=lambda answer: answer[1]
        )
        assert await client.stats() == Stats(pending=39, running=1)
        async with FakeExecutor(client, held=[lease]) as executor:
            executor.succeed(lease)
            events = await story(client, "running")
            assert names(events)[-1] == "ExecutionSucceeded"
            await executor.assignment()


async def test_a_queue_that_is_told_to_stop_tells_everybody_and_is_gone_soon(tmp_path: Path) -> None:
    async with service(tmp_path) as queue, QueueClient(queue.address) as client, FakeExecutor(client) as executor:
        watch = client.watch()
        await anext(watch)
        code = await queue.end(signal.SIGTERM)
        with pytest.raises(Unavailable, match="shutting down"):
            await anext(watch)
        with pytest.raises(Unavailable, match="shutting down"):
            await executor.ended()
        assert code == 0


async def test_a_queue_is_light(tmp_path: Path, database: str) -> None:
    async with service(tmp_path) as queue, QueueClient(queue.address) as client:
        async with FakeExecutor(client, slots=0):
            for i in range(50):
                await client.submit(submission(i))
        process = psutil.Process(queue.process.pid)
        assert process.memory_info().rss < 100 << 20
        assert not [mapped.path for mapped in process.memory_maps() if f"{os.sep}torch{os.sep}" in mapped.path]


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--lease-seconds", "0"], "lease-seconds must be positive"),
        (["--max-attempts", "0"], "max-attempts must be at least 1"),
        (["--data", "/proc/nowhere"], "cannot be used"),
        (["--database", "mysql://host/name"], "must begin with postgresql://"),
        (["--database", "postgresql://127.0.0.1:9/name"], "postgresql://127.0.0.1:9/name cannot be reached"),
    ],
)
async def test_what_cannot_work_is_one_line_and_exit_code_2(tmp_path: Path, flags: list[str], complaint: str) -> None:
    arguments = ["-m", "services.queue", "--listen", "127.0.0.1:0", "--data", str(tmp_path), *flags]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stderr=asyncio.subprocess.PIPE)
    _, said = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert (process.returncode, complaint in said.decode(), len(said.splitlines())) == (2, True, 1)


async def test_replicas_serve_one_database_and_do_not_tell_its_password(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await postgres.execute("CREATE USER guest PASSWORD 'tops3cret'")
    await postgres.execute("CREATE DATABASE of_guest OWNER guest")
    monkeypatch.setenv("SILVERPRINT_DATABASE", postgres.url("of_guest", "guest", "tops3cret"))
    try:
        async with service(tmp_path) as one, service(tmp_path) as other:
            clients = (QueueClient(one.address), QueueClient(other.address))
            async with clients[0] as here, clients[1] as there, FakeExecutor(here) as executor:
                accepted = await there.submit(submission(1))
                executor.succeed((await executor.assignment()).lease)
                assert names(await story(there, accepted.prompt_id))[-1] == "ExecutionSucceeded"
            assert b"postgresql://guest@/of_guest" in b"".join(one.said)
            assert b"tops3cret" not in b"".join(one.said + other.said)
    finally:
        await postgres.execute("DROP DATABASE of_guest WITH (FORCE)")
        await postgres.execute("DROP USER guest")
