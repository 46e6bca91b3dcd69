"""What can go wrong, one class each."""

from __future__ import annotations

import asyncio
import contextlib
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from tests.chaos.database import Database
from tests.chaos.system import System

#: A fault that is to outlast a lease lasts so many times as long.
BEYOND_LEASE = 1.4


@dataclass(frozen=True)
class Fault(ABC):
    """Something that happens to `target`, the name of a service or link."""

    target: str

    def __str__(self) -> str:
        return f"{type(self).__name__.lower()} {self.target}"

    @classmethod
    @abstractmethod
    def targets(cls, system: System) -> Sequence[str]:
        """To what it can happen."""

    @abstractmethod
    async def strike(self, system: System, chance: random.Random) -> None:
        """Let it happen; returns when whatever can be mended from outside is."""


class Kill(Fault):
    """`kill -9`, and a new process after a moment."""

    @classmethod
    def targets(cls, system: System) -> Sequence[str]:
        return list(system.services)

    async def strike(self, system: System, chance: random.Random) -> None:
        service = system.services[self.target]
        await service.kill()
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        await service.start()


class KillWorker(Fault):
    """`kill -9` of an executor's worker, as the system does when memory runs out."""

    @classmethod
    def targets(cls, system: System) -> Sequence[str]:
        return system.size.executor_names

    async def strike(self, system: System, chance: random.Random) -> None:
        for worker in system.services[self.target].children():
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()


class Freeze(Fault):
    """SIGSTOP for longer than a lease, then SIGCONT: a process that pages, a machine that is paused."""

    @classmethod
    def targets(cls, system: System) -> Sequence[str]:
        return list(system.services)

    async def strike(self, system: System, chance: random.Random) -> None:
        service = system.services[self.target]
        service.freeze()
        await asyncio.sleep(BEYOND_LEASE * system.size.lease)
        service.thaw()


class Restart(Fault):
    """SIGTERM, which lets a service end in order, and a new process."""

    @classmethod
    def targets(cls, system: System) -> Sequence[str]:
        return list(system.services)

    async def strike(self, system: System, chance: random.Random) -> None:
        service = system.services[self.target]
        await service.terminate()
        await service.start()


class Cut(Fault):
    """Connections that are reset, several times in a row."""

    @classmethod
    def targets(cls, system: System) -> Sequence[str]:
        return list(system.links)

    async def strike(self, system: System, chance: random.Random) -> None:
        for _ in range(chance.randint(1, 5)):
            system.links[self.target].cut()
            await asyncio.sleep(chance.uniform(0.0, 0.6))


class CutDatabase(Fault):
    """PostgreSQL's connections, ended by the server."""

    @classmethod
    def targets(cls, system: System) -> Sequence[str]:
        return [name for name, service in system.services.items() if isinstance(service, Database)]

    async def strike(self, system: System, chance: random.Random) -> None:
        database = system.services[self.target]
        assert isinstance(database, Database)
        for _ in range(chance.randint(1, 3)):
            await database.cut()
            await asyncio.sleep(chance.uniform(0.0, 0.6))


class Stall(Fault):
    """Connections on which nothing arrives for longer than a lease lasts, and then everything."""

    @classmethod
    def targets(cls, system: System) -> Sequence[str]:
        return list(system.links)

    async def strike(self, system: System, chance: random.Random) -> None:
        link = system.links[self.target]
        link.stall()
        await asyncio.sleep(BEYOND_LEASE * system.size.lease)
        link.resume()


KINDS: Sequence[type[Fault]] = (Kill, KillWorker, Freeze, Restart, Cut, CutDatabase, Stall)


def drawn(system: System, chance: random.Random, *, everywhere: bool) -> list[Fault]:
    """Faults in the order in which they happen: with `everywhere` every kind at every target.

    Otherwise it is every kind once, and the queue is killed at any rate.
    """
    chosen: list[Fault] = [] if everywhere else [Kill(system.size.queue_names[0])]
    for kind in KINDS:
        targets = kind.targets(system)
        chosen += [kind(target) for target in (targets if everywhere else chance.sample(targets, min(1, len(targets))))]
    chance.shuffle(chosen)
    return chosen
