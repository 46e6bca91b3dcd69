"""The system under test: every service a process of its own, and a link wherever two of them talk."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from services.errors import ServiceError
from services.queue.client import QueueClient
from services.queue.records import PromptState
from tests.chaos.link import Link
from tests.chaos.service import Service

PACKS = Path(__file__).parent / "packs"

#: Seconds in which everything has started, on a busy machine.
START_PATIENCE = 120.0


@dataclass(frozen=True)
class Size:
    """How much there is of everything."""

    executors: int = 2
    #: seconds; short, so that faults outlast leases
    lease: float = 3.0
    #: high: a prompt that fails because executors were lost over it would be lost to whoever waits for it
    max_attempts: int = 25
    max_worker_losses: int = 3


@dataclass
class System:
    """The running processes and links by name."""

    size: Size
    folder: Path
    services: dict[str, Service]
    links: dict[str, Link]
    #: where the queue listens, without a link before it
    queue: str

    @property
    def url(self) -> str:
        """Where ComfyUI clients connect to."""
        return f"http://{self.links['clients-gateway'].address}"

    @property
    def ledger(self) -> Path:
        """What the nodes write down."""
        return self.folder / "ledger"

    def executors(self) -> list[str]:
        """The names of the executors' services."""
        return [f"executor-{number}" for number in range(self.size.executors)]

    async def is_well(self) -> bool:
        """Whether every service does its work."""
        try:
            async with QueueClient(self.queue) as queue, httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
                running, _ = await queue.list([PromptState.RUNNING])
                at_work = {prompt.attempts[-1].executor_id for prompt in running}
                here = await queue.executors()
                able = [executor for executor in here if executor.free_slots or executor.executor_id in at_work]
                return len(able) == self.size.executors and (await client.get(f"{self.url}/health")).is_success
        except (ServiceError, httpx.HTTPError):
            return False

    async def until_well(self, patience: float = START_PATIENCE) -> None:
        """Wait until it is.

        Raises:
            TimeoutError: it does not come to that.
        """
        async with asyncio.timeout(patience):
            while not await self.is_well():  # noqa: ASYNC110 - processes tell nobody
                await asyncio.sleep(0.1)


@asynccontextmanager
async def running(folder: Path, size: Size) -> AsyncIterator[System]:
    """Start everything, and end it for certain."""
    (folder / "logs").mkdir(parents=True)
    (folder / "models").mkdir()
    queue, files, gateway = (_free_port() for _ in range(3))
    async with AsyncExitStack() as stack:
        links: dict[str, Link] = {}
        for name, port in {
            "clients-queue": queue,
            "clients-gateway": gateway,
            "gateway-queue": queue,
            "gateway-files": files,
            **{f"executor-{number}-queue": queue for number in range(size.executors)},
            **{f"executor-{number}-files": files for number in range(size.executors)},
        }.items():
            links[name] = await stack.enter_async_context(Link(name, port))
        commands = _commands(folder, size, links, queue=queue, files=files, gateway=gateway)
        variables = {"CHAOS_LEDGER": str(folder / "ledger")}
        services = {
            name: Service(name, arguments, folder / "logs" / f"{name}.log", variables)
            for name, arguments in commands.items()
        }
        (folder / "ledger").touch()
        for service in services.values():
            stack.push_async_callback(service.close)
            await service.start()
        system = System(size, folder, services, links, f"127.0.0.1:{queue}")
        await system.until_well()
        yield system


def _commands(
    folder: Path, size: Size, links: dict[str, Link], *, queue: int, files: int, gateway: int
) -> dict[str, list[str]]:
    data = str(folder / "data")
    limits = ["--lease-seconds", str(size.lease), "--max-attempts", str(size.max_attempts)]
    limits += ["--max-worker-losses", str(size.max_worker_losses)]
    commands = {
        "queue": ["queue", "--listen", f"127.0.0.1:{queue}", "--data", data, *limits],
        "files": ["files", "--listen", f"127.0.0.1:{files}", "--data", data, "--models", str(folder / "models")],
        "gateway": [
            *("gateway", "--host", "127.0.0.1", "--port", str(gateway), "--front-end", "none"),
            *("--queue", links["gateway-queue"].address, "--files", links["gateway-files"].address),
        ],
    }
    for number in range(size.executors):
        name = f"executor-{number}"
        # The first one keeps its name over restarts, the others are new ones each time.
        named = ["--executor-id", name] if number == 0 else []
        commands[name] = [
            *("executor", "--listen", "127.0.0.1:0", "--data", f"{data}-{number}", "--models", str(folder / "models")),
            *("--queue", links[f"{name}-queue"].address, "--files", links[f"{name}-files"].address),
            *("--custom-nodes", str(PACKS), "--device", "cpu", *named),
        ]
    return commands


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
