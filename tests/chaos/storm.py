"""A storm: clients submit while faults happen; then the weather clears, and what is left is judged."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from tests.chaos.clients import Client, GrpcClient, HttpClient, Task
from tests.chaos.faults import Fault, drawn
from tests.chaos.system import System
from tests.chaos.verdict import Verdict, judged, read_ledger

#: Seconds in which everything has to be done and well once no more faults happen.
CLEARING_PATIENCE = 240.0

#: Seconds in which a service has to be well again after a fault.
RECOVERY_PATIENCE = 120.0

#: Of so many prompts one is taken back by its client.
ONE_IS_STOPPED = 12

Say = Callable[[str], None]


@dataclass(frozen=True)
class Load:
    """What clients ask for."""

    clients: int
    prompts: int
    #: seconds of a prompt at most
    longest: float = 0.6
    #: prompts that kill whoever runs them
    poisons: int = 1
    #: prompts of a client that are under way at a time
    at_once: int = 3


@dataclass
class Recovery:
    """A fault, and how long it was felt, in seconds from its beginning."""

    fault: str
    began: float
    mended: float = float("nan")
    #: a prompt that was submitted right after the fault began was done
    served: float = float("nan")
    #: every service was well
    well: float = float("nan")


@dataclass
class Storm:
    """One run over a system."""

    system: System
    load: Load
    seed: int
    say: Say
    tasks: list[Task] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    #: seconds that it took
    lasted: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)

    async def run(self, *, everywhere: bool) -> list[str]:
        """Let it rage; returns what is wrong afterwards. `everywhere` has every fault at every target."""
        chance = random.Random(self.seed)
        self.tasks = list(_tasks(self.load, chance))
        began = time.monotonic()
        async with AsyncExitStack() as stack:
            submitting = [
                asyncio.create_task(self._submit(await stack.enter_async_context(client), tasks))
                for client, tasks in self._shares()
            ]
            probing = await self._rage(drawn(self.system, chance, everywhere=everywhere), chance, submitting)
            self.say("no more faults")
            done, late = await asyncio.wait([*submitting, *probing], timeout=CLEARING_PATIENCE)
            for waiting in late:
                waiting.cancel()
            await asyncio.gather(*done)
        self.lasted = time.monotonic() - began
        self.verdict = await judged(self.system, self.tasks)
        if late:
            self.verdict.problems.append(f"{len(late)} clients wait in vain")
        return self.verdict.problems

    def report(self) -> Iterator[str]:
        """What happened, as lines of a table and some numbers."""
        yield f"{'fault':<34} {'at':>6} {'mended':>7} {'served':>7} {'well':>7}   (seconds)"
        for one in self.recoveries:
            yield f"{one.fault:<34} {one.began:6.1f} {one.mended:7.1f} {one.served:7.1f} {one.well:7.1f}"
        ledger = read_ledger(self.system)
        begun = sum(count["begun"] for count in ledger.values())
        yield (
            f"{len(self.tasks)} prompts in {self.lasted:.0f} s, begun {begun} times;"
            f" {sum(sum(task.ends.values()) > 1 for task in self.tasks)} ends told more than once over gateways,"
            f" {self.verdict.untold} known from the history alone"
        )
        for outcome, count in self.verdict.lost.most_common():
            yield f"{count:>6} attempts: {outcome}"

    def _shares(self) -> Iterator[tuple[HttpClient | GrpcClient, Sequence[Task]]]:
        own = list(self.tasks)
        for number in range(self.load.clients):
            # Two thirds are clients of ComfyUI.
            client = GrpcClient(self.system) if number % 3 == 2 else HttpClient(self.system)
            yield client, own[number :: self.load.clients]

    async def _submit(self, client: Client, tasks: Sequence[Task]) -> None:
        room = asyncio.Semaphore(self.load.at_once)

        async def do(task: Task) -> None:
            async with room:
                await client.do(task)

        await asyncio.gather(*map(do, tasks))

    async def _rage(
        self, faults: Sequence[Fault], chance: random.Random, submitting: Sequence[asyncio.Task[None]]
    ) -> list[asyncio.Task[None]]:
        probing = []
        origin = time.monotonic()
        for fault in faults:
            await asyncio.sleep(chance.uniform(0.2, 2.0))
            recovery = Recovery(str(fault), time.monotonic() - origin)
            self.recoveries.append(recovery)
            done = sum(task.accepted for task in self.tasks)
            self.say(f"{recovery.began:6.1f} s  {fault}  ({done} accepted, {sum(t.done() for t in submitting)} done)")
            probing.append(asyncio.create_task(self._probe(recovery, origin)))
            await fault.strike(self.system, chance)
            recovery.mended = time.monotonic() - origin - recovery.began
        return probing

    async def _probe(self, recovery: Recovery, origin: float) -> None:
        """Find out how long the fault is felt by somebody who comes right then, and how long by the operator."""
        task = Task(seconds=0.0, front=True)
        self.tasks.append(task)
        async with HttpClient(self.system) as client:
            await client.do(task)
        recovery.served = time.monotonic() - origin - recovery.began
        await self.system.until_well(RECOVERY_PATIENCE)
        recovery.well = time.monotonic() - origin - recovery.began


def _tasks(load: Load, chance: random.Random) -> Iterator[Task]:
    poisoned = set(chance.sample(range(load.prompts), load.poisons))
    for number in range(load.prompts):
        if number in poisoned:
            yield Task(seconds=0.0, class_type="ChaosPoison")
            continue
        is_stopped = chance.randrange(ONE_IS_STOPPED) == 0
        yield Task(
            seconds=chance.uniform(0.0, load.longest), stop_after=chance.uniform(0.0, 2.0) if is_stopped else None
        )
