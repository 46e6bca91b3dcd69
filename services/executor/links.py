"""The links to all replicas of the queue, and which of them is home."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from services.executor.link import Link, Replica
from services.executor.outbox import Outbox
from services.queue.logs import LogLine
from services.queue.records import Lease
from services.queue.work import Heartbeat, Hello, QueueMessage, Welcome

log = logging.getLogger(__name__)

#: Seconds that the replica which is to be home has to answer at first before another one is.
FIRST_PATIENCE = 1.0

#: Seconds that a replica must have been there before executors that belong to it come home.
SETTLING = 5.0


class Replicas(Protocol):
    """What is needed of `services.queue.client.QueueClient.replicas`."""

    def current(self) -> Sequence[Replica]:
        """Those that are known now, at least one."""
        ...

    async def changed(self) -> None:
        """Wait until there are others."""
        ...


class Resident(Protocol):
    """Who lives behind the links: the agent."""

    def hello(self, link: Link, *, held: set[Lease], standby: bool) -> Hello:
        """Who is dialling, with these leases beside those of its runs unless it is on standby."""
        ...

    def heartbeat(self, *, standby: bool) -> Heartbeat:
        """What is free and what is held."""
        ...

    async def welcomed(self, link: Link, welcome: Welcome) -> None:
        """A replica has answered."""
        ...

    async def obey(self, link: Link, message: QueueMessage) -> None:
        """A replica wants something."""
        ...

    async def left(self, link: Link) -> None:
        """A replica cannot be reached."""
        ...


def suitability(executor_id: str, address: str) -> bytes:
    """How well a replica suits an executor as its home, the greatest best; another order for each executor."""
    return hashlib.blake2b(f"{executor_id} {address}".encode()).digest()


class Links:
    """A stream to every replica. One replica is home: it assigns prompts, and is told what happens to them.

    Home is the one that suits best of those that are connected, by an order that differs between executors, so that
    they spread. What waits to be said about prompts moves with it.
    """

    def __init__(self, executor_id: str, replicas: Replicas, resident: Resident) -> None:
        self._executor_id = executor_id
        self._replicas = replicas
        self._resident = resident
        self._links = {replica.address: Link(replica, self) for replica in replicas.current()}
        self._home = max(self._links.values(), key=self._rank)
        self._closed = asyncio.Event()
        self._is_beating = asyncio.Event()
        #: seconds
        self._interval = float("inf")

    @property
    def is_connected(self) -> bool:
        """Whether the replica that is home can be reached."""
        return self._home.is_connected

    @property
    def home(self) -> str:
        """The address of that replica."""
        return self._home.address

    @property
    def outbox(self) -> Outbox:
        """What is to be said to the replica that is home."""
        return self._home.outbox

    def all_connected(self) -> list[Link]:
        """The links whose replicas can be reached."""
        return [link for link in self._links.values() if link.is_connected]

    def write(self, lines: Iterable[LogLine]) -> None:
        """Send lines of the log home."""
        self.outbox.write(lines)

    def beat(self) -> None:
        """Tell every replica what is free, and the one that is home what is held."""
        for link in self.all_connected():
            link.outbox.say(self._resident.heartbeat(standby=link is not self._home))

    async def keep(self) -> None:
        """Hold the streams until `close`."""
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(self._follow(group)), group.create_task(self._keep_beating())]
            await self._closed.wait()
            for task in waiting:
                task.cancel()

    def close(self) -> None:
        """Say what is to be said, then end the streams."""
        for link in self._links.values():
            link.close()
        self._closed.set()

    # What links tell.

    def greeting(self, link: Link) -> Hello:
        """First on a new stream."""
        standby = link is not self._home
        return self._resident.hello(link, held=set() if standby else link.outbox.leases(), standby=standby)

    async def welcomed(self, link: Link, welcome: Welcome) -> None:
        """A stream is open."""
        log.info("connected to the queue at %s as %s", link.address, self._executor_id)
        await self._resident.welcomed(link, welcome)
        link.outbox.say(self._resident.heartbeat(standby=link is not self._home))
        self._interval = min(self._interval, welcome.lease_duration / 3)
        self._is_beating.set()
        self._find_home()
        if self._rank(link) > self._rank(self._home):
            asyncio.get_running_loop().call_later(SETTLING, self._prefer, link, link.connected_since)

    async def obey(self, link: Link, message: QueueMessage) -> None:
        """The queue wants something."""
        await self._resident.obey(link, message)

    async def broke(self, link: Link) -> None:
        """A stream is not open, or no longer."""
        self._find_home()
        await self._resident.left(link)

    # Home.

    def _find_home(self) -> None:
        """Take another replica for home when the one that is cannot be reached."""
        candidates = self.all_connected()
        if self._home.is_connected or not candidates:
            return
        if not self._home.has_tried:
            asyncio.get_running_loop().call_later(FIRST_PATIENCE, self._lose_patience, self._home)
            return
        self._move(max(candidates, key=self._rank))

    def _lose_patience(self, link: Link) -> None:
        link.has_tried = True
        self._find_home()

    def _prefer(self, link: Link, since: float | None) -> None:
        """Go home to a replica that came late, by leaving the one that is."""
        if link.connected_since == since and self._rank(link) > self._rank(self._home) and self._home.is_connected:
            log.info("going home to the queue at %s", link.address)
            self._home.hang_up()

    def _move(self, link: Link) -> None:
        link.outbox.take_over(self._home.outbox)
        self._home = link
        log.info("the queue at %s is home", link.address)
        if link.is_connected:
            # Everything that this replica must not take for lost, and no room yet: the ended ones are no room.
            beat = self._resident.heartbeat(standby=False)
            held = tuple({*beat.leases, *link.outbox.leases()})
            link.outbox.say(msgspec.structs.replace(beat, free_slots=0, leases=held))
            link.outbox.say(beat)

    def _rank(self, link: Link) -> bytes:
        return suitability(self._executor_id, link.address)

    # What goes on all the time.

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        """Hold a link for each replica that is known."""
        for link in self._links.values():
            group.create_task(self._keep(link))
        while True:
            await self._replicas.changed()
            current = {replica.address: replica for replica in self._replicas.current()}
            for address, link in self._links.items():
                link.is_wanted = address in current
            for address, replica in current.items():
                if address not in self._links:
                    self._links[address] = Link(replica, self)
                    group.create_task(self._keep(self._links[address]))

    async def _keep(self, link: Link) -> None:
        await link.keep()
        if not self._closed.is_set():
            del self._links[link.address]
            if link is self._home and self._links:
                self._move(max(self._links.values(), key=lambda other: (other.is_connected, self._rank(other))))

    async def _keep_beating(self) -> None:
        await self._is_beating.wait()
        while True:
            await asyncio.sleep(self._interval)
            self.beat()
