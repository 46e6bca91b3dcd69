"""Ending prompts that have no more time, wherever they are, and telling their executors."""

from __future__ import annotations

import asyncio
import json
import logging

from services.errors import ServiceError
from services.queue import life as lives
from services.queue.clock import Clock
from services.queue.deadlines import Deadlines
from services.queue.events import EventHub
from services.queue.fleet import Fleet
from services.queue.life import Deadline, Life, Step
from services.queue.records import Lease
from services.queue.stores.base import QueueStore
from services.queue.work import LeaseLost

log = logging.getLogger(__name__)

#: Seconds before the next try after the storage failed.
RETRY_DELAY = 1.0

#: Seconds between looks at the deadlines of prompts that other replicas took in.
READING_INTERVAL = 15.0


class TimeKeeper:
    """Fails prompts when an attempt, or all of it, took longer than it may; see `SubmitRequest` in the protos."""

    def __init__(self, store: QueueStore, fleet: Fleet, hub: EventHub, clock: Clock) -> None:
        self._store = store
        self._fleet = fleet
        self._hub = hub
        self._clock = clock
        self._deadlines = Deadlines(clock)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take up the deadlines that were set before the restart, and that other replicas of the queue set."""
        await self._read()
        self._tasks.append(asyncio.create_task(self._end_those_that_are_late()))
        if self._store.is_shared:
            self._tasks.append(asyncio.create_task(self._keep_reading()))

    async def stop(self) -> None:
        """End no more prompts."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def see(self, life: Life) -> None:
        """Take note of a committed step."""
        self._deadlines.see(life)

    async def _read(self) -> None:
        for life in await self._store.limited():
            self._deadlines.see(life)

    async def _keep_reading(self) -> None:
        """A replica keeps the time of its prompts; should it be gone, another one has read of them."""
        while True:
            await self._clock.sleep(READING_INTERVAL)
            try:
                await self._read()
            except ServiceError as error:
                log.warning("the deadlines of other replicas are not known: %s", error.message)

    async def _end_those_that_are_late(self) -> None:
        async for prompt_id, deadline in self._deadlines.passed():
            try:
                await self._end(prompt_id, deadline)
            except Exception:  # whatever it was, others must go on ending, and this one is tried again
                log.exception("prompt %s has no more time and could not be ended", prompt_id)
                self._deadlines.set(prompt_id, deadline, RETRY_DELAY)

    async def _end(self, prompt_id: str, deadline: Deadline) -> None:
        node_id, node_type = await self._whereabouts(prompt_id)
        lease: Lease | None = None

        def time_out(life: Life) -> Step | None:
            nonlocal lease
            lease = life.lease
            return lives.time_out(life, deadline, now=self._clock.now(), node_id=node_id, node_type=node_type)

        step = await self._store.apply(prompt_id, time_out)
        if step is None:
            return
        log.warning("prompt %s had no more time after %g seconds", prompt_id, deadline.seconds)
        session = self._fleet.get(step.life.executor_id)
        if lease is not None and session is not None:
            session.released()
            session.send(LeaseLost(lease, "it took longer than it may"))

    async def _whereabouts(self, prompt_id: str) -> tuple[str, str]:
        """The node of the workflow that runs, or made the one that does, and its class; empty for none."""
        node = self._hub.running_node(prompt_id)
        prompt = await self._store.get(prompt_id) if node else None
        if node is None or prompt is None:
            return "", ""
        graph = json.loads(prompt.graph_json)
        return node.real_node_id, str(graph.get(node.real_node_id, {}).get("class_type", ""))
