"""Replicas of the queue as real processes on a real PostgreSQL, some of which die, hang or come late."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from services.queue.client import QueueClient
from services.queue.records import Event, PromptState
from services.rpc.options import CLIENT_OPTIONS
from tests.executor.household import Runner
from tests.postgres import PostgresServer
from tests.queue.nodes import submission
from tests.queue.processes import Service, service

PATIENCE = 60.0  # seconds

NODES = 12


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Site:
    """Replicas on one database, executors that run prompts, and somebody who watches everything."""

    folder: Path
    database: str
    stack: AsyncExitStack
    #: of all replicas that there may ever be
    addresses: list[str]
    replicas: dict[str, Service] = field(default_factory=dict)
    runners: list[Runner] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)
    client: QueueClient = None  # type: ignore[assignment]

    async def start(self, address: str) -> None:
        """Start a replica."""
        flags = ("--database", self.database, "--lease-seconds", "6")
        running = service(self.folder, *flags, listen=address)
        self.replicas[address] = await self.stack.enter_async_context(running)

    async def join(self, executor_id: str, *, seconds: float = 0.02) -> Runner:
        """Let an executor join."""
        runner = Runner(executor_id, self.client.replicas, nodes=NODES, seconds=seconds)
        working = asyncio.create_task(runner.keep())
        self.stack.push_async_callback(_end, working)
        self.runners.append(runner)
        await until(lambda: runner.links.is_connected)
        return runner

    async def watch(self) -> None:
        """Note what everybody is told."""
        begun = asyncio.Event()

        async def listen() -> None:
            async with aclosing(self.client.watch()) as batches:
                async for batch in batches:
                    self.told += [event for event in batch if event.is_durable]
                    begun.set()

        listening = asyncio.create_task(listen())
        self.stack.push_async_callback(_end, listening)
        await asyncio.wait_for(begun.wait(), PATIENCE)

    async def submit(self, count: int) -> list[str]:
        return [(await self.client.submit(submission(number))).prompt_id for number in range(count)]

    def home(self, runner: Runner) -> Service:
        """The replica that is home to an executor."""
        return self.replicas[runner.links.home]

    async def all_ended(self, prompt_ids: Sequence[str]) -> None:
        """Wait until the ends of these prompts were told, and check that everything was told in order, and once."""
        await until(lambda: set(prompt_ids) <= {event.prompt_id for event in self.told if event.is_terminal})
        for prompt_id in prompt_ids:
            events = [event for event in self.told if event.prompt_id == prompt_id]
            assert [event.sequence for event in events] == list(range(1, len(events) + 1))
            prompt = await self.client.get(prompt_id)
            assert list(prompt.events) == events
            assert prompt.state is PromptState.SUCCEEDED


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(condition: object) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # type: ignore[operator] # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.01)


@asynccontextmanager
async def site(postgres: PostgresServer, folder: Path, replicas: int = 2, started: int = 2) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(postgres.database())
        here = Site(folder, database, stack, [f"127.0.0.1:{free_port()}" for _ in range(replicas)])
        for address in here.addresses[:started]:
            await here.start(address)
        here.client = await stack.enter_async_context(QueueClient(",".join(here.addresses)))
        yield here


async def test_nothing_is_lost_or_told_twice_when_a_replica_is_killed(postgres: PostgresServer, tmp_path: Path) -> None:
    async with site(postgres, tmp_path) as here:
        one, two = await here.join("one"), await here.join("two")
        await here.watch()
        prompt_ids = await here.submit(12)
        await until(lambda: len([event for event in here.told if event.is_terminal]) >= 2)
        killed = here.home(one)
        assert await killed.end(signal.SIGKILL) < 0
        prompt_ids += await here.submit(6)
        await here.all_ended(prompt_ids)
        attempts = [len((await here.client.get(prompt_id)).attempts) for prompt_id in prompt_ids]
        # What was on its way to the executor when the replica died is assigned anew, nothing that had begun.
        assert sum(attempts) <= len(prompt_ids) + len(here.runners)
        assert killed not in [here.home(runner) for runner in (one, two)]


async def test_a_replica_that_comes_later_takes_part(postgres: PostgresServer, tmp_path: Path) -> None:
    async with site(postgres, tmp_path, started=1) as here:
        runner = await here.join("one")
        await here.watch()
        prompt_ids = await here.submit(2)
        late = here.addresses[1]
        await here.start(late)
        async with QueueClient(late) as client:
            await until(lambda: len(runner.links.all_connected()) == 2)  # else its address rests in this process
            prompt_ids.append((await client.submit(submission(7))).prompt_id)
            await here.all_ended(prompt_ids)
            (executor,) = await client.executors()
            assert executor.executor_id == "one"
            running = (await client.submit(submission(8))).prompt_id
            while not (await client.interrupt([running])).asked:  # noqa: ASYNC110 - it is assigned in a moment
                await asyncio.sleep(0.01)
            await until(lambda: running in {event.prompt_id for event in here.told if event.is_terminal})
            assert (await client.get(running)).state is PromptState.INTERRUPTED


async def test_a_replica_that_hangs_holds_nothing_up_for_long(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = {"grpc.keepalive_time_ms": 500, "grpc.keepalive_timeout_ms": 500, "grpc.http2.ping_timeout_ms": 500}
    options = {**dict(CLIENT_OPTIONS), **quick}
    monkeypatch.setattr("services.rpc.channel.CLIENT_OPTIONS", list(options.items()))
    async with site(postgres, tmp_path) as here:
        one, _ = await here.join("one", seconds=0.1), await here.join("two", seconds=0.1)
        await here.watch()
        prompt_ids = await here.submit(8)
        await until(lambda: any(event.is_terminal for event in here.told))
        hanging = here.home(one)
        hanging.process.send_signal(signal.SIGSTOP)
        try:
            await here.all_ended(prompt_ids[:6])
        finally:
            hanging.process.send_signal(signal.SIGCONT)
        prompt_ids += await here.submit(4)
        await here.all_ended(prompt_ids)
