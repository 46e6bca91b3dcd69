"""The system under test: every service a process of its own, and a link wherever two of them talk."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from services.errors import ServiceError
from services.queue.client import QueueClient
from services.queue.records import PromptState
from tests.chaos.database import Database
from tests.chaos.link import Link
from tests.chaos.service import Service

PACKS = Path(__file__).parent / "packs"

#: Seconds in which everything has started, on a busy machine.
START_PATIENCE = 120.0

#: What PostgreSQL is called among the services.
DATABASE = "postgres"


@dataclass(frozen=True)
class Size:
    """How much there is of everything."""

    executors: int = 2
    #: replicas of the queue; more than one have to share a database
    queues: int = 1
    #: PostgreSQL in the place of SQLite
    postgres: bool = False
    #: seconds; short, so that faults outlast leases
    lease: float = 3.0
    #: high: a prompt that fails because executors were lost over it would be lost to whoever waits for it
    max_attempts: int = 25
    max_worker_losses: int = 3

    @property
    def queue_names(self) -> list[str]:
        """What the replicas of the queue are called."""
        return [f"queue-{number}" for number in range(self.queues)] if self.queues > 1 else ["queue"]

    @property
    def executor_names(self) -> list[str]:
        """What the executors are called."""
        return [f"executor-{number}" for number in range(self.executors)]


@dataclass
class System:
    """The running processes and links by name."""

    size: Size
    folder: Path
    links: dict[str, Link] = field(default_factory=dict)
    services: dict[str, Service | Database] = field(default_factory=dict)
    #: ports of the services themselves, without a link before them
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where ComfyUI clients connect to."""
        return f"http://{self.links['clients-gateway'].address}"

    @property
    def ledger(self) -> Path:
        """What the nodes write down."""
        return self.folder / "ledger"

    def queues(self, party: str) -> str:
        """The addresses of the queue's replicas for somebody."""
        return ",".join(self.links[f"{party}-{name}"].address for name in self.size.queue_names)

    def direct(self, name: str) -> str:
        """The address of a service without a link before it."""
        return f"127.0.0.1:{self.ports[name]}"

    async def is_well(self) -> bool:
        """Whether every service does its work."""
        try:
            for name in self.size.queue_names:
                async with QueueClient(self.direct(name)) as queue:
                    if not await self._has_all_executors(queue):
                        return False
            async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
                return (await client.get(f"{self.url}/health")).is_success
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

    async def _has_all_executors(self, queue: QueueClient) -> bool:
        """Whether all are connected, and are free or run something."""
        running, _ = await queue.list([PromptState.RUNNING])
        at_work = {prompt.attempts[-1].executor_id for prompt in running}
        able = [one for one in await queue.executors() if one.free_slots or one.executor_id in at_work]
        return len(able) == self.size.executors


@asynccontextmanager
async def running(folder: Path, size: Size) -> AsyncIterator[System]:
    """Start everything, and end it for certain."""
    (folder / "logs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "ledger").touch()
    async with AsyncExitStack() as stack:
        system = System(size, folder, ports={name: _free_port() for name in (*size.queue_names, "files", "gateway")})
        for name, port in _wanted_links(system).items():
            system.links[name] = await stack.enter_async_context(Link(name, port))
        if size.postgres:
            system.services[DATABASE] = await stack.enter_async_context(Database())
        variables = {"CHAOS_LEDGER": str(system.ledger), "SILVERPRINT_METRICS_LISTEN": "127.0.0.1:0"}
        for name, arguments in _commands(system).items():
            service = Service(name, arguments, folder / "logs" / f"{name}.log", variables)
            stack.push_async_callback(service.close)
            system.services[name] = service
            await service.start()
        await system.until_well()
        yield system


def _wanted_links(system: System) -> dict[str, int]:
    """The port at the other end of each link; its name says whose it is and where it leads."""
    links = {"clients-gateway": system.ports["gateway"], "gateway-files": system.ports["files"]}
    for executor in system.size.executor_names:
        links[f"{executor}-files"] = system.ports["files"]
    for party in ("clients", "gateway", *system.size.executor_names):
        links |= {f"{party}-{queue}": system.ports[queue] for queue in system.size.queue_names}
    return links


def _commands(system: System) -> dict[str, list[str]]:
    size, folder = system.size, system.folder
    models = ["--models", str(folder / "models")]
    commands = {
        "files": ["files", "--listen", system.direct("files"), "--data", str(folder / "data"), *models],
        "gateway": [
            *("gateway", "--host", "127.0.0.1", "--port", str(system.ports["gateway"]), "--front-end", "none"),
            *("--queue", system.queues("gateway"), "--files", system.links["gateway-files"].address),
        ],
    }
    database = system.services.get(DATABASE)
    for name in size.queue_names:
        commands[name] = [
            *("queue", "--listen", system.direct(name), "--data", str(folder / "data")),
            *("--lease-seconds", str(size.lease), "--max-attempts", str(size.max_attempts)),
            *("--max-worker-losses", str(size.max_worker_losses)),
            *(("--database", database.url) if isinstance(database, Database) else ()),
        ]
    for name in size.executor_names:
        # The first one keeps its name over restarts, the others are new ones each time.
        named = ["--executor-id", name] if name == size.executor_names[0] else []
        commands[name] = [
            *("executor", "--listen", "127.0.0.1:0", "--data", str(folder / f"data-{name}"), *models),
            *("--queue", system.queues(name), "--files", system.links[f"{name}-files"].address),
            *("--custom-nodes", str(PACKS), "--device", "cpu", *named),
        ]
    return commands


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
