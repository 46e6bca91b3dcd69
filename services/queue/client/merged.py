"""Watching all replicas of a queue at once, as if they were one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from services.errors import ResourceExhausted, ServiceError, Unavailable
from services.queue.client.catching_up import events_after, missed
from services.queue.client.replica import Replica
from services.queue.client.replicas import Replicas
from services.queue.client.stories import Stories
from services.queue.logs import LogFollowers
from services.queue.records import Batch, Event, Notice

log = logging.getLogger(__name__)

#: Seconds between attempts to listen to a replica, at first and at most.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0

#: Seconds that replicas have to begin once one of them has; those that have not are caught up with.
OPENING = 2.0

#: Seconds between reading what a replica that cannot be heard may have committed, at first and at most.
FIRST_CATCH_UP = 0.5
LONGEST_CATCH_UP = 30.0

#: Seconds for which a replica may have been silent before that is noticed, and by which clocks may differ.
SILENCE = 30.0

#: Batches that wait to be read before replicas are read no further; they drop what they may then.
MAX_WAITING = 64


class MergedWatch:
    """One watch of one prompt, or of all (empty id), over all replicas.

    Every replica tells what is committed through it, and what does not last; of a single prompt it tells everything
    that is durable. What nobody told, because a replica went away, is read from another one: at once where the next
    event of a prompt shows that something is missing, and now and then while a replica cannot be heard.
    """

    def __init__(
        self, replicas: Replicas, prompt_id: str, after_sequence: int, previews: bool, user: str | None
    ) -> None:
        self._replicas = replicas
        self._prompt_id = prompt_id
        self._previews = previews
        self._user = user
        self._stories = Stories()
        if prompt_id:
            self._stories.begin(prompt_id, after_sequence)
        #: batches, what ended a stream, and None where it ended because all was told
        self._arrived: asyncio.Queue[tuple[Replica, Batch | Exception | None]] = asyncio.Queue(MAX_WAITING)
        self._is_over = False
        self._listening: dict[Replica, asyncio.Task[None]] = {}
        #: replicas that are heard, the one that spoke last at the end
        self._heard: dict[Replica, None] = {}
        #: replicas of which it is not known yet whether they can be heard
        self._awaited: set[Replica] = set()
        self._followers: dict[Replica, LogFollowers] = {}
        #: whether some replica may have told something that was not heard
        self._may_have_missed = False
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """See `Queue.watch`; raises `Unavailable` when no replica can be heard."""
        self._listen()
        self._tasks.append(asyncio.create_task(self._follow_replicas()))
        try:
            told = await self._beginning()
            yield told
            while not self._is_over and not self._stories.has_ended(self._prompt_id):
                told = await self._take(*await self._arrived.get())
                if told:
                    yield told
        finally:
            tasks = [*self._tasks, *self._listening.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _beginning(self) -> Batch:
        """What is told before anything new: when one replica has begun, or, of all prompts, when all of them have."""
        told: list[Event] = []
        while not self._heard:
            told += await self._take(*await self._arrived.get())
        if not self._prompt_id:
            ends_at = asyncio.get_running_loop().time() + OPENING
            with contextlib.suppress(TimeoutError):
                while self._awaited:
                    async with asyncio.timeout_at(ends_at):
                        arrived = await self._arrived.get()
                    told += await self._take(*arrived)
            self._may_have_missed = self._may_have_missed or bool(self._awaited)
            self._tasks.append(asyncio.create_task(self._catch_up()))
        return told

    # Listening.

    def _listen(self) -> None:
        """Listen to each replica that there is, and to no other."""
        current = self._replicas.current()
        for replica in current:
            if replica not in self._listening:
                self._awaited.add(replica)
                self._listening[replica] = asyncio.create_task(self._keep_listening(replica))
        for replica in [former for former in self._listening if former not in current]:
            self._listening.pop(replica).cancel()
            self._lose(replica)

    async def _follow_replicas(self) -> None:
        while True:
            await self._replicas.changed()
            self._listen()

    async def _keep_listening(self, replica: Replica) -> None:
        pause = FIRST_PAUSE
        while True:
            after = self._stories.sequence(self._prompt_id)
            try:
                async with aclosing(replica.watch(self._prompt_id, after, self._previews, self._user)) as batches:
                    async for batch in batches:
                        pause = FIRST_PAUSE
                        await self._arrived.put((replica, batch))
                if self._prompt_id:
                    await self._arrived.put((replica, None))
                    return
            except Exception as error:  # raised by whoever iterates, unless it can be made up for
                await self._arrived.put((replica, error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _take(self, replica: Replica, arrived: Batch | Exception | None) -> Batch:
        """What is to be told of what has arrived."""
        self._awaited.discard(replica)
        if arrived is None:
            self._is_over = True
            return []
        if not isinstance(arrived, Exception):
            self._hear(replica)
            return [event for batch in arrived for event in await self._whole(replica, batch)]
        if not isinstance(arrived, Unavailable | ResourceExhausted):
            raise arrived
        was_heard = replica in self._heard
        self._lose(replica)
        if was_heard:
            self._awaited.add(replica)  # it may be back at once
        if not self._heard and not self._awaited:
            raise arrived
        return []

    def _hear(self, replica: Replica) -> None:
        if replica not in self._heard:
            self._changed.set()
        self._heard.pop(replica, None)
        self._heard[replica] = None

    def _lose(self, replica: Replica) -> None:
        if replica in self._heard:
            log.info("the queue at %s is not heard any more", replica.address)
        self._awaited.discard(replica)
        self._heard.pop(replica, None)
        self._followers.pop(replica, None)
        self._may_have_missed = True
        self._changed.set()

    # Telling.

    async def _whole(self, replica: Replica, event: Event) -> Batch:
        """The event unless it was told, after what is missing before it."""
        if isinstance(event.body, Notice):
            return self._joined(replica, event)
        told = self._stories.missing_before(event)
        missing = [] if told is None else await self._read(replica, event.prompt_id, told, event.sequence)
        return [one for one in (*missing, event) if self._stories.take(one)]

    async def _read(self, teller: Replica, prompt_id: str, sequence: int, up_to: int) -> list[Event]:
        for replica in (teller, *reversed(self._heard)):
            with contextlib.suppress(Unavailable):
                return await events_after(replica, prompt_id, sequence, up_to)
        raise Unavailable("what a replica of the queue did not tell cannot be read from any other")

    def _joined(self, replica: Replica, event: Event) -> Batch:
        """A notice; who follows the log is told with those whom other replicas know, and only when that changes."""
        if not isinstance(event.body, LogFollowers):
            return [event]
        before = self._all_followers()
        self._followers[replica] = event.body
        after = self._all_followers()
        return [msgspec.structs.replace(event, body=after)] if after != before else []

    def _all_followers(self) -> LogFollowers:
        known = (followers.client_ids for followers in self._followers.values())
        return LogFollowers(tuple(dict.fromkeys(client_id for client_ids in known for client_id in client_ids)))

    async def _catch_up(self) -> None:
        """Read what may have been missed whenever a replica begins or ceases to be heard."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._may_have_missed:
                await self._catch_up_with_all(time.time() - SILENCE)

    async def _catch_up_with_all(self, since: float) -> None:
        """Read what replicas may have committed that cannot be heard, and once more when all are heard again."""
        pause = FIRST_CATCH_UP
        while True:
            is_whole = len(self._heard) == len(self._listening)
            if await self._read_missed(since) and is_whole:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            self._changed.clear()
            pause = min(2 * pause, LONGEST_CATCH_UP)

    async def _read_missed(self, since: float) -> bool:
        """Whether what was missed could be read."""
        if not self._heard:
            return False
        source = next(reversed(self._heard))
        try:
            async with aclosing(missed(source, self._stories, since)) as batches:
                async for batch in batches:
                    await self._arrived.put((source, batch))
        except ServiceError as error:
            log.warning("what a replica of the queue did not tell cannot be read: %s", error.message)
            return False
        return True
