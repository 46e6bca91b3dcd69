"""A client of several replicas of the queue: it is answered and told everything for as long as there is one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from services.errors import InvalidArgument, NotFound, Unavailable
from services.graph.events import ExecutionStarted, ExecutionSucceeded, NodesCached
from services.queue import watcher
from services.queue.client import QueueClient, merged, replicas
from services.queue.logs import LogFollowers, LogLine, LogLines
from services.queue.prompts import Queue
from services.queue.records import Assigned, Event, PromptState
from services.queue.servicer import QueueServicer
from services.queue.watcher import Watcher
from services.queue.worker_servicer import WorkerServicer
from services.rpc.addresses import addresses, resolved
from services.rpc.server import serve
from tests.queue.executor import FakeExecutor, finished, progress
from tests.queue.nodes import submission
from tests.queue.shared_memory import SharedMemory
from tests.queue.watching import PATIENCE, eventually, happens, names, story
from tests.queue.wire import Wire, wired

EVERYTHING = ["Submitted", "Assigned", "ExecutionStarted", "NodesCached", "NodeFinished", "ExecutionSucceeded"]


@dataclass
class Site:
    """Two replicas, the wires to them, and a client of both."""

    queues: list[Queue] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    client: QueueClient = None  # type: ignore[assignment]

    def first(self, index: int) -> None:
        """Have one replica asked first."""
        for replica in self.client.replicas.current():
            replica.place = replica.address != self.wires[index].address


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    stores: list[SharedMemory] = []
    async with AsyncExitStack() as stack:
        for _ in range(2):
            queue = Queue(SharedMemory(stores), lease_seconds=30.0)
            await queue.start()
            stack.push_async_callback(queue.close)
            server = await stack.enter_async_context(
                serve("127.0.0.1:0", [QueueServicer(queue).entry, WorkerServicer(queue).entry])
            )
            site.queues.append(queue)
            site.wires.append(await stack.enter_async_context(wired(server.address)))
        site.client = await stack.enter_async_context(QueueClient(",".join(wire.address for wire in site.wires)))
        yield site


class Told:
    """What somebody who watches all prompts is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = asyncio.Event()

    def of(self, prompt_id: str) -> list[Event]:
        return [event for event in self.events if event.prompt_id == prompt_id and event.is_durable]

    async def until(self, prompt_id: str, kind: type) -> list[Event]:
        """The durable events of a prompt, once one of this kind is among them."""
        async with asyncio.timeout(PATIENCE):
            while not any(isinstance(event.body, kind) for event in self.of(prompt_id)):
                self._changed.clear()
                await self._changed.wait()
        return self.of(prompt_id)

    async def listen(self, batches: AsyncIterator[list[Event]], begun: asyncio.Event) -> None:
        async for batch in batches:
            self.events += batch
            begun.set()
            self._changed.set()


@asynccontextmanager
async def watching(client: QueueClient) -> AsyncIterator[Told]:
    told, begun = Told(), asyncio.Event()
    async with aclosing(client.watch(previews=True)) as batches:
        listening = asyncio.create_task(told.listen(batches, begun))
        try:
            await asyncio.wait_for(begun.wait(), PATIENCE)
            yield told
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


def is_whole(events: list[Event]) -> bool:
    return [event.sequence for event in events] == list(range(1, len(events) + 1))


async def test_another_replica_answers_when_one_cannot_be_reached(site: Site) -> None:
    async with FakeExecutor(site.queues[1]):
        site.first(0)
        site.wires[0].cut()
        assert (await site.client.stats()).pending == 0
        site.wires[1].cut()
        site.wires[0].mend()
        await eventually(lambda: _answers(site.client))  # connections are not tried all the time
        site.wires[0].cut()
        with pytest.raises(Unavailable):
            await site.client.stats()


async def test_a_submission_whose_answer_is_lost_is_submitted_once(site: Site) -> None:
    async with FakeExecutor(site.queues[1], slots=0):
        site.first(0)
        await site.client.stats()
        site.wires[0].is_deaf = True
        submitting = asyncio.create_task(site.client.submit(submission(1)))
        await asyncio.wait_for(site.wires[0].has_lost.wait(), PATIENCE)
        await eventually(lambda: _waits(site.queues[1]))
        site.wires[0].cut()
        accepted = await submitting
        waiting, total = await site.client.list({PromptState.PENDING})
        assert [prompt.prompt_id for prompt in waiting] == [accepted.prompt_id]
        assert total == 1


async def test_who_watches_all_prompts_is_told_of_those_at_every_replica(site: Site) -> None:
    async with FakeExecutor(site.queues[0], "one") as one, FakeExecutor(site.queues[1], "two") as two:
        earlier = (await site.client.submit(submission(0))).prompt_id
        await happens(site.client, earlier, Assigned)
        is_first = (await site.client.get(earlier)).attempts[0].executor_id == "one"
        runner, idle = (one, two) if is_first else (two, one)
        lease = (await runner.assignment()).lease
        async with watching(site.client) as told:
            runner.tell(lease, ExecutionStarted(), progress("2", 1.0))
            later = (await site.client.submit(submission(1))).prompt_id
            idle.succeed((await idle.assignment()).lease)
            runner.tell(lease, NodesCached(()), finished("2"), ExecutionSucceeded())
            for prompt_id in (earlier, later):
                events = await told.until(prompt_id, ExecutionSucceeded)
                assert names(events) == EVERYTHING
                assert is_whole(events)
            assert sum(not event.is_durable for event in told.events) == 1


async def test_what_a_replica_commits_that_cannot_be_heard_is_told_all_the_same(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merged, "FIRST_CATCH_UP", 0.05)
    async with FakeExecutor(site.queues[0]) as executor, watching(site.client) as told:
        running = (await site.queues[0].submit(submission(1))).prompt_id
        lease = (await executor.assignment()).lease
        await told.until(running, Assigned)
        site.wires[0].cut()
        executor.succeed(lease)
        assert names(await told.until(running, ExecutionSucceeded)) == EVERYTHING
        unheard = (await site.queues[0].submit(submission(2))).prompt_id
        executor.beat()
        executor.succeed((await executor.assignment()).lease)
        assert names(await told.until(unheard, ExecutionSucceeded)) == EVERYTHING
        site.wires[0].mend()
        third = (await site.queues[0].submit(submission(3))).prompt_id
        executor.beat()
        executor.succeed((await executor.assignment()).lease)
        await told.until(third, ExecutionSucceeded)
        for prompt_id in (running, unheard, third):
            assert is_whole(told.of(prompt_id))


async def test_what_is_missing_before_an_event_is_told_before_it(site: Site) -> None:
    async with (
        FakeExecutor(site.queues[1], standby=True) as standby,
        FakeExecutor(site.queues[0]) as home,
        watching(site.client) as told,
    ):
        prompt_id = (await site.queues[0].submit(submission(1))).prompt_id
        lease = (await home.assignment()).lease
        site.wires[0].cut()
        home.tell(lease, ExecutionStarted(), NodesCached(()))
        await happens(site.queues[0], prompt_id, NodesCached)
        standby.tell(lease, finished("2"), ExecutionSucceeded())
        events = await told.until(prompt_id, ExecutionSucceeded)
        assert names(events) == EVERYTHING
        assert is_whole(events)


async def test_who_is_too_slow_for_a_replica_misses_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merged, "FIRST_CATCH_UP", 0.05)
    monkeypatch.setattr(watcher, "MAX_EVENTS", 10)
    async with FakeExecutor(site.queues[0]) as executor, watching(site.client) as told:
        prompt_id = (await site.client.submit(submission(1))).prompt_id
        many = [finished(str(number)) for number in range(30)]
        executor.tell((await executor.assignment()).lease, ExecutionStarted(), *many, ExecutionSucceeded())
        events = await told.until(prompt_id, ExecutionSucceeded)
        assert len(events) == 34
        assert is_whole(events)


async def test_who_watches_one_prompt_hears_of_it_until_its_end(site: Site) -> None:
    async with FakeExecutor(site.queues[1], standby=True) as standby, FakeExecutor(site.queues[0]) as home:
        prompt_id = (await site.client.submit(submission(1))).prompt_id
        lease = (await home.assignment()).lease
        watch = asyncio.create_task(story(site.client, prompt_id))
        later = asyncio.create_task(story(site.client, prompt_id, after_sequence=3))
        home.tell(lease, ExecutionStarted(), progress("2", 1.0))
        await happens(site.client, prompt_id, ExecutionStarted)
        before = _watchers(site.queues[0], prompt_id)
        site.wires[0].cut()
        standby.tell(lease, NodesCached(()))
        await happens(site.client, prompt_id, NodesCached)
        site.wires[0].mend()
        await eventually(lambda: _are_back(site.queues[0], prompt_id, before))
        site.wires[1].cut()
        home.tell(lease, finished("2"), ExecutionSucceeded())
        assert names(await watch) == EVERYTHING
        assert names(await later) == EVERYTHING[3:]


async def test_watching_ends_when_no_replica_can_be_heard(site: Site) -> None:
    async with FakeExecutor(site.queues[0], slots=0):
        prompt_id = (await site.client.submit(submission(1))).prompt_id
        for watched in ("", prompt_id):
            for wire in site.wires:
                wire.mend()
            await eventually(lambda: _answers(site.client))
            watch = site.client.watch(watched)
            await anext(watch)
            for wire in site.wires:
                wire.cut()
            with pytest.raises(Unavailable):
                async for _ in watch:
                    pass


async def test_a_prompt_that_is_not_there_cannot_be_watched(site: Site) -> None:
    with pytest.raises(NotFound, match="no prompt nobody"):
        await anext(site.client.watch("nobody"))


async def test_the_log_is_that_of_all_replicas(site: Site) -> None:
    async with (
        FakeExecutor(site.queues[0], "one") as one,
        FakeExecutor(site.queues[1], "two") as two,
        watching(site.client) as told,
    ):
        await site.queues[0].follow_logs("early", enabled=True)
        await site.client.follow_logs("me", enabled=True)
        for number, executor in enumerate((one, two, one)):
            executor.say(LogLines((LogLine(written_at=float(number), text=f"{number}\n"),)))
            await eventually(lambda number=number: _has_line(site.client, f"{number}\n"))  # type: ignore[misc]
        lines = [line.text for line in await site.client.logs() if line.executor_id]
        assert lines == ["0\n", "1\n", "2\n"]
        await eventually(lambda: _are_told(told, {"early", "me"}))
        site.wires[0].cut()
        assert [line.text for line in await site.client.logs() if line.executor_id] == ["1\n"]


def test_addresses_stand_in_a_list() -> None:
    assert addresses("a:1, b:2,a:1,") == ("a:1", "b:2")
    with pytest.raises(InvalidArgument, match="names no address"):
        addresses(" ,")


async def test_a_name_of_several_hosts_stands_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = ["10.0.0.2", "10.0.0.1", "fd00::1"]

    async def getaddrinfo(host: str, port: str, **_: object) -> list[tuple[object, ...]]:
        if host == "unknown":
            raise OSError
        return [(0, 0, 0, "", (each, int(port))) for each in (hosts if host == "queue" else hosts[:1])]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(replicas, "DOUBTFUL_INTERVAL", 0.01)
    given = ["queue:8190", "single:8190", "unknown:1", "192.0.2.1:1", "localhost:1", "unix:/tmp/queue"]
    assert await resolved(given) == ("10.0.0.1:8190", "10.0.0.2:8190", *given[1:])
    async with QueueClient("queue:8190") as client:
        assert [each.address for each in client.replicas.current()] == ["10.0.0.1:8190", "10.0.0.2:8190"]
        hosts.append("10.0.0.3")
        client.replicas.first.rest()
        await asyncio.wait_for(client.replicas.changed(), PATIENCE)
        assert [each.address for each in client.replicas.current()][-1] == "10.0.0.3:8190"


async def _answers(client: QueueClient) -> bool:
    try:
        await client.stats()
    except Unavailable:
        return False
    return True


def _watchers(queue: Queue, prompt_id: str) -> set[Watcher]:
    return set(queue._hub._of_one.get(prompt_id, ()))


async def _are_back(queue: Queue, prompt_id: str, before: set[Watcher]) -> bool:
    return len(_watchers(queue, prompt_id) - before) == 2


async def _waits(queue: Queue) -> bool:
    return (await queue.stats()).pending > 0


async def _are_told(told: Told, followers: set[str]) -> bool:
    bodies = [event.body for event in told.events if isinstance(event.body, LogFollowers)]
    return bool(bodies) and set(bodies[-1].client_ids) == followers


async def _has_line(client: QueueClient, text: str) -> bool:
    return any(line.text == text for line in await client.logs())
