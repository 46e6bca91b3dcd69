"""Sends what is due, many at once, each until its receiver has taken it or it is given up."""

from __future__ import annotations

import asyncio
import logging

from services.errors import ServiceError
from services.queue.clock import Clock
from services.queue.metrics.webhooks import WebhookMetrics
from services.queue.webhooks.outbox import Outbox
from services.queue.webhooks.records import Delivery, DeliveryState, Settlement
from services.queue.webhooks.schedule import delay_after
from services.queue.webhooks.sender import DeliveryFailed, Sender
from services.queue.webhooks.silence import Silence

log = logging.getLogger(__name__)

#: Attempts under way at once: one of slow receivers holds a place for as long as its answer may take.
SLOTS = 64

#: Seconds for which a claim is good: longer than an attempt may take. What a queue that died had claimed is due then.
CLAIM_SECONDS = 60.0

#: Seconds after which the outbox is looked at although nothing is known to be due: another queue may have died.
LOOK_INTERVAL = 30.0

#: Seconds that attempts under way have to end when the queue stops.
STOP_GRACE = 1.0


class Deliverer:
    """Between `start` and `stop`, makes attempts; `wake` tells it that something new is due."""

    def __init__(self, outbox: Outbox, sender: Sender, clock: Clock, metrics: WebhookMetrics) -> None:
        self._outbox = outbox
        self._sender = sender
        self._clock = clock
        self._metrics = metrics
        self._silence = Silence()
        self._awake = asyncio.Event()
        self._attempts: set[asyncio.Task[None]] = set()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with what is due."""
        self._awake.set()
        self._running = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Look at the outbox now."""
        self._awake.set()

    async def stop(self) -> None:
        """Begin no more attempts and let those under way end, if they do soon; the others are made again later."""
        if self._running is None:
            return
        self._running.cancel()
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=STOP_GRACE)
        for attempt in self._attempts:
            attempt.cancel()
        await asyncio.gather(self._running, *self._attempts, return_exceptions=True)
        await self._sender.close()

    async def _run(self) -> None:
        while True:
            await self._awake.wait()
            self._awake.clear()
            pause = LOOK_INTERVAL
            try:
                await self._begin()
                pause = await self._pause()
            except ServiceError as error:
                log.error("webhooks cannot be looked at: %s", error)
            except Exception:
                log.exception("webhooks cannot be looked at")
            if not self._awake.is_set():
                await self._doze(pause)

    async def _begin(self) -> None:
        """Begin as many attempts as there are places and deliveries."""
        while free := SLOTS - len(self._attempts):
            now = self._clock.now()
            claimed = await self._outbox.claim(now=now, until=now + CLAIM_SECONDS, limit=free)
            for delivery in claimed:
                attempt = asyncio.create_task(self._attempt(delivery))
                self._attempts.add(attempt)
                attempt.add_done_callback(self._ended)
            if len(claimed) < free:
                return

    async def _pause(self) -> float:
        """Seconds until something is due, as far as is known and there is a place for it."""
        due = await self._outbox.next_due() if len(self._attempts) < SLOTS else None
        return LOOK_INTERVAL if due is None else min(max(0.0, due - self._clock.now()), LOOK_INTERVAL)

    async def _doze(self, seconds: float) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        waking = asyncio.ensure_future(self._awake.wait())
        try:
            await asyncio.wait([sleeping, waking], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()
        self._awake.set()

    async def _attempt(self, delivery: Delivery) -> None:
        try:
            with self._silence.calling(delivery.url):
                await self._sender.send(delivery, self._clock.now())
            settlement = Settlement(state=DeliveryState.DELIVERED, settled_at=self._clock.now())
        except DeliveryFailed as failure:
            settlement = self._failed(delivery, failure)
        if await self._outbox.settle(delivery.delivery_id, delivery.attempts, settlement):
            self._metrics.attempted(settlement.state)

    def _failed(self, delivery: Delivery, failure: DeliveryFailed) -> Settlement:
        now = self._clock.now()
        delay = None if failure.final else delay_after(delivery.attempts)
        next_step = "given up" if delay is None else f"again in {delay:.0f} s"
        told = (delivery.delivery_id, delivery.prompt_id, delivery.attempts, failure.reason, next_step)
        log.warning("webhook %s of prompt %s, attempt %d: %s, %s", *told)
        if delay is None:
            return Settlement(state=DeliveryState.DEAD, settled_at=now, error=failure.reason)
        return Settlement(state=DeliveryState.PENDING, next_attempt_at=now + delay, error=failure.reason)

    def _ended(self, attempt: asyncio.Task[None]) -> None:
        self._attempts.discard(attempt)
        self._awake.set()
        if not attempt.cancelled() and attempt.exception() is not None:
            log.error("an attempt at a webhook could not be noted", exc_info=attempt.exception())
