"""Several replicas of the queue on one PostgreSQL: `python -m bench.replicas`.

How long a prompt takes from its submission to the executor's hands, when that executor's home is the replica that
took it or another one; and how long nothing is heard of a prompt that runs when that home is killed, or hangs.
The server (18, from PyPI) is on a socket of the same machine, executors have no workers.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.path import show
from services.graph.events import NodeFinished
from services.queue.client import QueueClient
from tests.executor.household import Runner
from tests.postgres import PostgresServer
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import submission
from tests.queue.processes import Service, service
from tests.queue.watching import story

ROUNDS = 200
DEATHS = 5

#: Seconds between submissions: longer than replicas pause between looks at the database.
PAUSE = 0.1

#: Seconds between the events of the prompt that runs while its replica dies.
STEP = 0.01


async def submission_to_assignment(taker: str, home: str) -> list[float]:
    """Seconds until an idle executor at one replica has what another one, or the same, was handed."""
    taken = []
    async with QueueClient(taker) as client, QueueClient(home) as worked, FakeExecutor(worked) as executor:
        for number in range(ROUNDS):
            await asyncio.sleep(PAUSE)
            began = time.perf_counter()
            submitting = asyncio.create_task(client.submit(submission(number)))
            lease = (await executor.assignment()).lease
            taken.append(time.perf_counter() - began)
            await submitting
            executor.succeed(lease)
            executor.beat()
            await story(client, lease.prompt_id)
    return taken


async def silence(replicas: dict[str, Service], number: signal.Signals) -> float:
    """Seconds for which nothing is told of a running prompt when the home of its executor gets a signal."""
    async with QueueClient(",".join(replicas)) as client:
        runner = Runner("bench", client.replicas, nodes=100_000, seconds=STEP)
        working = asyncio.create_task(runner.keep())
        told: list[tuple[float, float]] = []
        begun = asyncio.Event()

        async def listen() -> None:
            async with aclosing(client.watch()) as batches:
                async for batch in batches:
                    begun.set()
                    told.extend(
                        (time.time(), event.happened_at) for event in batch if isinstance(event.body, NodeFinished)
                    )

        listening = asyncio.create_task(listen())
        await begun.wait()
        running = (await client.submit(submission(0))).prompt_id
        while len(told) < 50:  # noqa: ASYNC110 - simple, and nothing hurries
            await asyncio.sleep(STEP)
        at = time.time()
        replicas[runner.links.home].process.send_signal(number)
        while told[-1][1] < at + STEP:  # noqa: ASYNC110 - what was on its way arrives, and happened before
            await asyncio.sleep(STEP / 10)
        heard_at = next(heard for heard, happened in told if happened >= at + STEP)
        await client.interrupt([running])
        for task in (listening, working):
            task.cancel()
        await asyncio.gather(listening, working, return_exceptions=True)
        return heard_at - at


@asynccontextmanager
async def two_replicas(database: str) -> AsyncIterator[dict[str, Service]]:
    """Two replicas by address."""
    with TemporaryDirectory() as folder:
        flags = ("--database", database, "--metrics-listen", "")
        async with service(Path(folder), *flags) as one, service(Path(folder), *flags) as two:
            yield {one.address: one, two.address: two}


async def measure(postgres: PostgresServer) -> None:
    async with postgres.database() as database, two_replicas(database) as replicas:
        one, two = replicas
        show("submitted where the executor's home is", await submission_to_assignment(one, one), 1e3, "ms")
        show("submitted at another replica", await submission_to_assignment(one, two), 1e3, "ms")
    for number, what in ((signal.SIGKILL, "silence after SIGKILL of its home"), (signal.SIGSTOP, "after SIGSTOP")):
        silences = []
        for _ in range(DEATHS if number is signal.SIGKILL else 1):
            async with postgres.database() as database, two_replicas(database) as replicas:
                silences.append(await silence(replicas, number))
        show(what, silences, 1e3, "ms")


def main() -> None:
    print(f"{'':<45} {'median':>9} [{'best':>8}]")
    server = PostgresServer()
    try:
        server.start()
        asyncio.run(measure(server))
    finally:
        server.remove()


if __name__ == "__main__":
    main()
