"""Follows what happens to all prompts, for as long as the gateway lives.

One stream carries the events of all prompts; it asks for previews only while a socket is open. When it breaks, because
the queue restarted, it is opened again, and what happened in between is read from the queue's memory of the prompts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from contextlib import aclosing

from services.errors import NotFound, ServiceError
from services.gateway.sockets.hub import Hub
from services.gateway.sockets.runs import MAX_RUNS
from services.queue.client import QueueClient
from services.queue.records import Prompt, PromptState

log = logging.getLogger(__name__)

#: Seconds between attempts to open the stream, at first and at most.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0

#: Seconds that previews go on after the last socket has closed; it may be back at once.
PREVIEW_LINGER = 10.0

#: Finished prompts to look through for what was missed, at first and at most (a hub remembers no more), and how old
#: they may be, in seconds, when the gateway starts.
MISSED_LIMIT = 256
MISSED_MOST = MAX_RUNS
MISSED_AGE = 60.0

#: Seconds by which clocks may differ.
CLOCK_SLACK = 2.0

FINISHED = (PromptState.SUCCEEDED, PromptState.FAILED, PromptState.INTERRUPTED)


class Follower:
    """Feeds a hub with the queue's events."""

    def __init__(self, queue: QueueClient, hub: Hub, told: Callable[[float], None] = lambda happened_at: None) -> None:
        """`told` is called with when what sockets have just been told of happened, in seconds since the epoch."""
        self._queue = queue
        self._hub = hub
        self._told = told
        #: when the hub was last known to have missed nothing; None while a stream feeds it and that was read
        self._deaf_since: float | None = time.time() - MISSED_AGE
        self._stream: asyncio.Task[None] | None = None

    @property
    def is_following(self) -> bool:
        """Whether the queue tells what happens, and all that was missed is known."""
        return self._deaf_since is None

    async def run(self) -> None:
        """Follow until cancelled."""
        try:
            while True:
                previews = len(self._hub) > 0
                await self._replace(previews=previews)
                await self._demand_change(previews=previews)
        finally:
            await _end(self._stream)

    async def _demand_change(self, *, previews: bool) -> None:
        """Wait until previews are wanted where they were not, or, for a while, no longer."""
        while previews is (len(self._hub) > 0):
            self._hub.changed.clear()
            await self._hub.changed.wait()
            if not len(self._hub):
                self._hub.changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hub.changed.wait(), PREVIEW_LINGER)

    async def _replace(self, *, previews: bool) -> None:
        """Open a stream, and end the one before once the new one has begun."""
        opened = asyncio.Event()
        stream = asyncio.create_task(self._keep_following(previews, opened))
        try:
            await opened.wait()
        finally:
            old, self._stream = self._stream, stream
            await _end(old)

    async def _keep_following(self, previews: bool, opened: asyncio.Event) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._follow(previews, opened)
            except ServiceError as error:
                if self._deaf_since is None:
                    log.warning("the queue cannot be followed, trying again: %s", error.message)
            except Exception:
                log.exception("an event could not be told; following goes on")
            pause = FIRST_PAUSE if self._deaf_since is None else min(2 * pause, LONGEST_PAUSE)
            self._deaf_since = self._deaf_since or time.time()
            await asyncio.sleep(pause)

    async def _follow(self, previews: bool, opened: asyncio.Event) -> None:
        catching_up: asyncio.Task[None] | None = None
        try:
            async with aclosing(self._queue.watch(previews=previews)) as batches:
                async for events in batches:
                    self._hub.publish(events)
                    if events:
                        self._told(events[-1].happened_at)
                    if catching_up is None:
                        opened.set()
                        if self._deaf_since is not None:
                            log.info("following the queue")
                        catching_up = asyncio.create_task(self._catch_up())
        finally:
            await _end(catching_up)

    async def _catch_up(self) -> None:
        """Learn what happened while no stream was open; when the stream breaks before, the next one's task does."""
        pause = FIRST_PAUSE
        while True:
            try:
                stats = await self._queue.stats()
                self._hub.set_remaining(stats.pending + stats.running)
                if self._deaf_since is not None:
                    await self._read_missed(self._deaf_since)
                self._deaf_since = None
                return
            except ServiceError as error:
                log.warning("what happened meanwhile cannot be read, trying again: %s", error.message)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _finished(self, since: float) -> list[Prompt]:
        """The latest finished prompts, at least as many as finished since then."""
        limit = MISSED_LIMIT
        while True:
            prompts, total = await self._queue.list(FINISHED, limit=limit, from_end=True)
            reaches_back = len(prompts) == total or (prompts[0].finished_at or 0.0) < since - CLOCK_SLACK
            if reaches_back or limit >= MISSED_MOST:
                return prompts
            limit = min(4 * limit, MISSED_MOST)

    async def _read_missed(self, since: float) -> None:
        for prompt in await self._finished(since):
            if (prompt.finished_at or 0.0) >= since - CLOCK_SLACK:
                self._hub.publish(prompt.events)
        for prompt_id in self._hub.under_way():
            try:
                prompt = await self._queue.get(prompt_id)
            except NotFound:
                self._hub.forget(prompt_id)
            else:
                self._hub.publish(prompt.events)


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
