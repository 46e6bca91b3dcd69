"""An upgrade as docs/deploying.md describes it: one process after the other, while clients go on."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.chaos.clients import Client, GrpcClient, HttpClient, Task
from tests.chaos.system import Size, System, running
from tests.chaos.verdict import judged

#: What may become of an attempt that an upgrade ends: it does not count as one.
HANDED_BACK = {
    "executor is shutting down",
    "the executor takes no more prompts",
    "the executor left before it was told",
}


@pytest.mark.timeout(400)
async def test_nothing_is_lost_and_no_attempt_fails_while_an_upgrade_rolls(tmp_path: Path) -> None:
    tasks: list[Task] = []
    done = asyncio.Event()
    async with running(tmp_path / "system", Size(queues=2, postgres=True, max_attempts=1)) as system:
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(kind(system)) for kind in (HttpClient, GrpcClient, HttpClient)]
            submitting = [asyncio.create_task(submit(client, tasks, done)) for client in clients]
            try:
                await upgrade(system)
            finally:
                done.set()
                await asyncio.gather(*submitting)
        verdict = await judged(system, tasks)
    assert verdict.problems == []
    assert set(verdict.lost) <= HANDED_BACK
    assert len(tasks) > 20


async def upgrade(system: System) -> None:
    """Ask each process to end and start it again, in the order of the documentation."""
    for name in (*system.size.queue_names, "files", "gateway", *system.size.executor_names):
        await system.services[name].terminate()
        await system.services[name].start()
        await system.until_well()


async def submit(client: Client, tasks: list[Task], done: asyncio.Event) -> None:
    """Have one prompt done after the other until the upgrade is over."""
    while not done.is_set():
        task = Task(seconds=0.3)
        tasks.append(task)
        await client.do(task)
