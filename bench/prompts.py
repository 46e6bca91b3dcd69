"""What prompts of growing size cost through the REST and WebSocket API: `python -m bench.prompts [SERVER [SERVER]]`.

A server is the address of anything that is compatible with ComfyUI, or "own" for a stack that is started for it, which
is the default. Two are measured in turn in one run, so that their ratio holds on a noisy machine. CPU is that of all
processes of a server: our own are known, of another it is the one that listens, when it is on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psutil

from bench.client import Client, connected, own_stack
from services.command.stack import RunningStack

OWN = "own"
#: Pictures of prompts that must not find each other's results differ in this.
_colours = itertools.count(secrets.randbelow(1 << 22))

Prompt = dict[str, Any]


def chain(nodes: int, colour: int) -> Prompt:
    """A prompt of so many nodes in a row: a picture, inverted many times, previewed."""
    image = {"width": 8, "height": 8, "batch_size": 1, "color": colour}
    prompt: Prompt = {"0": {"class_type": "EmptyImage", "inputs": image}}
    for number in range(1, nodes - 1):
        prompt[str(number)] = {"class_type": "ImageInvert", "inputs": {"image": [str(number - 1), 0]}}
    prompt["out"] = {"class_type": "PreviewImage", "inputs": {"images": [str(nodes - 2), 0]}}
    return prompt


@dataclass(frozen=True)
class Kind:
    """A row of the table: `rounds` of so many prompts, one after the other, after one that does not count."""

    label: str
    nodes: int
    rounds: int
    prompts: int = 1
    cached: bool = False

    def maker(self) -> Callable[[], Prompt]:
        """Makes the next prompt for one server: always the same when it is to be cached."""
        if not self.cached:
            return lambda: chain(self.nodes, next(_colours))
        same = chain(self.nodes, next(_colours))
        return lambda: same


KINDS = (
    Kind("tiny: EmptyImage, PreviewImage", 2, rounds=10, prompts=50),
    Kind("100 nodes", 100, rounds=10),
    Kind("100 nodes, cached", 100, rounds=10, prompts=5, cached=True),
    Kind("1,000 nodes", 1_000, rounds=5),
    Kind("5,000 nodes", 5_000, rounds=3),
    Kind("5,000 nodes, cached", 5_000, rounds=3, cached=True),
)


@dataclass
class Server:
    """A server under measurement, and where its CPU time is spent."""

    name: str
    url: str
    client: Client
    #: by what they do; empty when they are not on this machine
    processes: dict[str, psutil.Process]

    def cpu_seconds(self) -> dict[str, float]:
        """What each process has used so far."""
        times = {name: process.cpu_times() for name, process in self.processes.items()}
        return {name: spent.user + spent.system for name, spent in times.items()}


@dataclass
class Cost:
    """What one kind of prompt costs at one server, in milliseconds per prompt."""

    wall: list[float] = field(default_factory=list)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    async def add(self, server: Server, make: Callable[[], Prompt], prompts: int) -> None:
        """Measure one round."""
        before, began = server.cpu_seconds(), time.perf_counter()
        for _ in range(prompts):
            await server.client.run(make())
        self.wall.append((time.perf_counter() - began) / prompts * 1e3)
        for name, after in server.cpu_seconds().items():
            self.cpu.setdefault(name, []).append((after - before[name]) / prompts * 1e3)

    @property
    def milliseconds(self) -> float:
        """From the submission to the last message; the median round."""
        return statistics.median(self.wall)

    def cpu_of(self, *names: str) -> float:
        """The CPU time of these processes, all without names; the mean, as the system counts in steps of 10 ms."""
        return sum(statistics.fmean(self.cpu[name]) for name in names or self.cpu)


@contextlib.asynccontextmanager
async def opened(name: str) -> AsyncIterator[Server]:
    """A server by its address, or our own."""
    async with contextlib.AsyncExitStack() as stack:
        if name == OWN:
            running = await stack.enter_async_context(own_stack())
            client = await stack.enter_async_context(connected(running.url))
            await client.run(chain(2, next(_colours)))  # once this has run there is a worker
            yield Server(name, running.url, client, _processes_of(running))
        else:
            client = await stack.enter_async_context(connected(name))
            await client.run(chain(2, next(_colours)))
            yield Server(name, name, client, _listener(name))


def _processes_of(stack: RunningStack) -> dict[str, psutil.Process]:
    processes = {name: psutil.Process(child.pid) for name, child in stack.children.items()}
    return processes | {"worker": processes["executor"].children()[0]}


def _listener(url: str) -> dict[str, psutil.Process]:
    """The process that listens at an address of this machine, if it can be seen."""
    address = urlsplit(url)
    if address.hostname not in ("127.0.0.1", "localhost", "::1"):
        return {}
    with contextlib.suppress(psutil.AccessDenied):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr
            if listens and listens.port == address.port and connection.pid:
                return {"server": psutil.Process(connection.pid)}
    return {}


async def measured(servers: Sequence[Server], kind: Kind) -> list[Cost]:
    """What a kind of prompt costs at each server, in turn."""
    costs = [Cost() for _ in servers]
    makers = [kind.maker() for _ in servers]
    for server, make in zip(servers, makers, strict=True):
        await server.client.run(make())
    for _ in range(kind.rounds):
        for server, make, cost in zip(servers, makers, costs, strict=True):
            await cost.add(server, make, kind.prompts)
    return costs


def header(servers: Sequence[Server]) -> str:
    """The table's first line."""
    columns = "".join(f"{'ms':>9}{'CPU ms':>9}{'worker':>9}" for _ in servers)
    return f"{'per prompt':<32}{columns}" + (f"{'ratio':>9}{'of CPU':>9}" if len(servers) > 1 else "")


def row(kind: Kind, costs: Sequence[Cost]) -> str:
    """The table's line for one kind of prompt; the ratio is the second server's to the first's."""
    line = f"{kind.label:<32}"
    for cost in costs:
        line += f"{cost.milliseconds:>9.1f}"
        line += f"{cost.cpu_of():>9.1f}" if cost.cpu else f"{'':>9}"
        line += f"{cost.cpu_of('worker'):>9.1f}" if "worker" in cost.cpu else f"{'':>9}"
    if len(costs) > 1:
        first, second = costs
        line += f"{second.milliseconds / first.milliseconds:>9.2f}"
        line += f"{second.cpu_of() / first.cpu_of():>9.2f}" if first.cpu and second.cpu else ""
    return line


async def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="*", default=[OWN], metavar="SERVER")
    names = parser.parse_args().servers[:2]
    async with contextlib.AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(opened(name)) for name in names]
        print("".join(f"{number}. {server.name}\n" for number, server in enumerate(servers, 1)), end="")
        print(header(servers))
        for kind in KINDS:
            print(row(kind, await measured(servers, kind)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
