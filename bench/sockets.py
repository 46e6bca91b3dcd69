"""What sockets cost that are open and say nothing: `python -m bench.sockets [SERVER]`.

Tiny prompts from one client, one after the other, and from several at once, while 0, 100 and 500 others have a socket
open. A server is the address of anything that is compatible with ComfyUI; without one a stack is started. The rounds go
through all numbers of sockets in turn, so that a noisy machine is as unfair to each.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import websockets

from bench.client import Client, connected
from bench.path import tiny_prompt
from bench.prompts import OWN, Server, opened

IDLE = (0, 100, 500)
ROUNDS = 5
CLIENTS = 20
PROMPTS = 100

_colours = itertools.count(secrets.randbelow(1 << 22))


@contextlib.asynccontextmanager
async def idle_sockets(url: str, count: int) -> AsyncIterator[None]:
    """So many sockets of clients that submit nothing, and read what they are told."""
    address = f"{url.replace('http', 'ws', 1).rstrip('/')}/ws"
    async with contextlib.AsyncExitStack() as stack:
        reading = []
        for _ in range(count):
            socket = await stack.enter_async_context(websockets.connect(address, proxy=None, compression=None))
            reading.append(asyncio.create_task(_read(socket)))
        yield
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)


async def _read(socket: websockets.ClientConnection) -> None:
    async for _ in socket:
        pass


async def one_by_one(clients: Sequence[Client]) -> None:
    """Prompts of one client, each after the end of the one before."""
    for _ in range(PROMPTS):
        await clients[0].run(tiny_prompt(next(_colours)))


async def side_by_side(clients: Sequence[Client]) -> None:
    """The same from all clients at once."""

    async def some(client: Client) -> None:
        for _ in range(PROMPTS // len(clients)):
            await client.run(tiny_prompt(next(_colours)))

    await asyncio.gather(*map(some, clients))


Work = Callable[[Sequence[Client]], Coroutine[Any, Any, None]]
WAYS: dict[str, Work] = {"1 client": one_by_one, f"{CLIENTS} clients": side_by_side}


async def measure(server: Server) -> None:
    """Measure, and print a table."""
    front = server.processes.get("gateway") or server.processes.get("server")
    rates: dict[tuple[int, str], list[float]] = {}
    costs: dict[tuple[int, str], list[float]] = {}
    memory: dict[int, int] = {}
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(server.url)) for _ in range(CLIENTS)]
        for _, idle in itertools.product(range(ROUNDS), IDLE):
            async with idle_sockets(server.url, idle):
                memory.setdefault(idle, front.memory_info().rss if front else 0)
                for way, work in WAYS.items():
                    before, began = server.cpu_seconds(), time.perf_counter()
                    await work(clients)
                    rates.setdefault((idle, way), []).append(PROMPTS / (time.perf_counter() - began))
                    name = "gateway" if "gateway" in before else "server"
                    if front:
                        spent = server.cpu_seconds()[name] - before[name]
                        costs.setdefault((idle, way), []).append(spent / PROMPTS * 1e3)
    for idle in IDLE:
        print(f"{idle:>4} idle sockets, {memory[idle] / 2**20:6.1f} MiB", end="")
        for way in WAYS:
            of_rates, of_costs = rates[idle, way], costs.get((idle, way), [0.0])
            print(f" | {way}: {statistics.median(of_rates):6.1f} [{max(of_rates):6.1f}]/s", end="")
            print(f", {statistics.fmean(of_costs):5.2f} ms of CPU each", end="")
        print(flush=True)


async def main() -> None:
    """Measure the server that is named, or our own."""
    async with opened(sys.argv[1] if len(sys.argv) > 1 else OWN) as server:
        await measure(server)


if __name__ == "__main__":
    asyncio.run(main())
