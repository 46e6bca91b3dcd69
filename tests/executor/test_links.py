"""An executor between replicas of the queue: where its home is, and that nothing is lost when that changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import pytest

from services.errors import Unavailable
from services.executor import links as times
from services.graph.events import ExecutionStarted, NodesCached
from services.queue import neighbours
from services.queue.prompts import Queue
from services.queue.work import ExecutorMessage, QueueMessage
from tests.executor.household import Household
from tests.queue.nodes import submission
from tests.queue.shared_memory import SharedMemory
from tests.queue.watching import PATIENCE, eventually, happens, names, story

EVERYTHING = ["Submitted", "Assigned", "ExecutionStarted", "NodesCached", "NodeFinished", "ExecutionSucceeded"]


class Way:
    """The way to one replica, which can be cut and held shut."""

    def __init__(self, address: str, queue: Queue, store: SharedMemory) -> None:
        self.address = address
        self.queue = queue
        self.store = store
        self.is_held = False
        self._cut = asyncio.Event()

    def cut(self, *, hold: bool = True) -> None:
        """Break the stream that is open, and let no other one through unless told otherwise."""
        self.is_held = hold
        self._cut.set()

    async def work(self, messages: AsyncIterator[ExecutorMessage]) -> AsyncGenerator[QueueMessage, None]:
        """The Work stream, as far as the way is open."""
        if self.is_held:
            raise Unavailable("the way is shut")
        self._cut.clear()
        async with aclosing(self.queue.work(messages)) as stream:
            while True:
                following = asyncio.ensure_future(anext(stream, None))
                cut = asyncio.ensure_future(self._cut.wait())
                try:
                    await asyncio.wait([following, cut], return_when=asyncio.FIRST_COMPLETED)
                    if cut.done():
                        raise Unavailable("the stream was cut")
                    message = following.result()
                finally:
                    cut.cancel()
                    following.cancel()
                    await asyncio.gather(cut, following, return_exceptions=True)
                if message is None:
                    return
                yield message


class Ways:
    """The ways that there are, which may become others."""

    def __init__(self, ways: Sequence[Way]) -> None:
        self._ways = list(ways)
        self._changed = asyncio.Event()

    def current(self) -> Sequence[Way]:
        return self._ways

    async def changed(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    def become(self, ways: Sequence[Way]) -> None:
        self._ways = list(ways)
        self._changed.set()


@asynccontextmanager
async def ways(count: int = 2) -> AsyncIterator[list[Way]]:
    """Ways to replicas of one queue."""
    stores: list[SharedMemory] = []
    async with AsyncExitStack() as stack:
        opened = []
        for number in range(count):
            store = SharedMemory(stores)
            queue = Queue(store, lease_seconds=30.0)
            await queue.start()
            stack.push_async_callback(queue.close)
            opened.append(Way(f"replica-{number}", queue, store))
        yield opened


@asynccontextmanager
async def household(opened: Ways, executor_id: str = "executor") -> AsyncIterator[Household]:
    here = Household(executor_id, opened)
    keeping = asyncio.create_task(here.links.keep())
    try:
        yield here
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


def home_first(here: Household, opened: Sequence[Way]) -> tuple[Way, Way]:
    """The way to the replica that is home, and the other one."""
    home, other = sorted(opened, key=lambda way: way.address != here.links.home)
    return home, other


async def is_at(way: Way, *, standby: bool) -> bool:
    return any(session.is_standby is standby for session in way.queue._fleet.sessions())


async def test_the_executor_is_known_everywhere_and_at_home_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ways() as opened, household(Ways(opened)) as here:
        home, other = home_first(here, opened)
        await eventually(lambda: is_at(home, standby=False))
        await eventually(lambda: is_at(other, standby=True))
        await other.queue.submit(submission(1))
        lease = await here.assigned()
        assert (await other.queue.interrupt(None)).asked == [lease.prompt_id]
        assert await asyncio.wait_for(here.interruptions.get(), PATIENCE) == lease


async def test_executors_spread_over_the_replicas() -> None:
    async with ways(3) as opened:
        homes = [Household(f"executor {number}", Ways(opened)).links.home for number in range(60)]
    assert {homes.count(way.address) > 8 for way in opened} == {True}


async def test_a_run_goes_on_at_another_replica_when_the_stream_home_breaks() -> None:
    async with ways() as opened, household(Ways(opened)) as here:
        home, other = home_first(here, opened)
        prompt_id = (await home.queue.submit(submission(1))).prompt_id
        lease = await here.assigned()
        here.tell(lease, ExecutionStarted())
        await happens(home.queue, prompt_id, ExecutionStarted)
        await eventually(lambda: is_at(other, standby=True))
        home.cut()
        here.tell(lease, NodesCached(()))
        await happens(other.queue, prompt_id, NodesCached)
        here.succeed(lease)
        assert names(await story(other.queue, prompt_id)) == EVERYTHING
        assert len((await other.queue.get(prompt_id)).attempts) == 1
        here.links.beat()
        following = (await other.queue.submit(submission(2))).prompt_id
        assert (await here.assigned()).prompt_id == following


async def test_what_was_assigned_and_never_arrived_is_assigned_again_at_once() -> None:
    async with ways() as opened, household(Ways(opened)) as here:
        home, other = home_first(here, opened)
        await eventually(lambda: is_at(other, standby=True))
        prompt_id = (await home.queue.submit(submission(1))).prompt_id
        here.held.remove(await here.assigned())  # as if it had been on its way when the stream broke
        home.cut()
        again = await here.assigned()
        assert again.prompt_id == prompt_id
        here.tell(again, ExecutionStarted(), NodesCached(()))
        here.succeed(again)
        assert names(await story(other.queue, prompt_id))[-1] == "ExecutionSucceeded"


async def test_an_executor_goes_home_when_its_replica_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "SETTLING", 0.05)
    async with ways() as opened, household(Ways(opened)) as here:
        home, other = home_first(here, opened)
        await eventually(lambda: is_at(other, standby=True))
        home.cut()
        await eventually(lambda: is_at(other, standby=False))
        prompt_id = (await other.queue.submit(submission(1))).prompt_id
        lease = await here.assigned()
        here.tell(lease, ExecutionStarted())
        home.is_held = False
        await eventually(lambda: is_at(home, standby=False))
        here.tell(lease, NodesCached(()))
        here.succeed(lease)
        assert names(await story(other.queue, prompt_id)) == EVERYTHING
        assert len((await other.queue.get(prompt_id)).attempts) == 1
        await eventually(lambda: is_at(other, standby=True))


async def test_a_replica_that_does_not_reach_its_storage_keeps_no_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(neighbours, "BLIND_AFTER", 0.1)
    monkeypatch.setattr(times, "SETTLING", 0.05)
    async with ways() as opened, household(Ways(opened)) as here:
        home, other = home_first(here, opened)
        await eventually(lambda: is_at(other, standby=True))
        home.store.is_down = True
        await eventually(lambda: is_at(other, standby=False))
        prompt_id = (await other.queue.submit(submission(1))).prompt_id
        lease = await here.assigned()
        home.store.is_down = False
        await eventually(lambda: is_at(home, standby=False))
        here.tell(lease, ExecutionStarted(), NodesCached(()))
        here.succeed(lease)
        assert names(await story(other.queue, prompt_id)) == EVERYTHING


async def test_without_any_replica_what_happens_waits() -> None:
    async with ways() as opened, household(Ways(opened)) as here:
        home, other = home_first(here, opened)
        prompt_id = (await home.queue.submit(submission(1))).prompt_id
        lease = await here.assigned()
        home.cut()
        other.cut()
        here.tell(lease, ExecutionStarted(), NodesCached(()))
        here.succeed(lease)
        await asyncio.sleep(0.05)
        other.is_held = False
        assert names(await story(other.queue, prompt_id)) == EVERYTHING


async def test_replicas_come_and_go() -> None:
    async with ways(3) as opened:
        listed = Ways(opened[:1])
        async with household(listed) as here:
            await eventually(lambda: is_at(opened[0], standby=False))
            listed.become(opened)
            await eventually(lambda: is_at(opened[2], standby=True))
            prompt_id = (await opened[2].queue.submit(submission(1))).prompt_id
            lease = await here.assigned()
            listed.become(opened[1:])
            opened[0].cut(hold=False)
            here.tell(lease, ExecutionStarted(), NodesCached(()))
            here.succeed(lease)
            assert names(await story(opened[1].queue, prompt_id)) == EVERYTHING
            assert opened[0].queue._fleet.sessions() == []


async def test_the_last_words_of_an_executor_arrive() -> None:
    async with ways() as opened:
        here = Household("executor", Ways(opened))
        keeping = asyncio.create_task(here.links.keep())
        home, _ = home_first(here, opened)
        prompt_id = (await home.queue.submit(submission(1))).prompt_id
        lease = await here.assigned()
        here.tell(lease, ExecutionStarted(), NodesCached(()))
        here.succeed(lease)
        here.links.close()
        await asyncio.wait_for(keeping, PATIENCE)
        assert names(await story(home.queue, prompt_id)) == EVERYTHING
        assert all(way.queue._fleet.sessions() == [] for way in opened)
