"""Brings waiting prompts and free executors together the moment that there is one of each."""

from __future__ import annotations

import asyncio
import logging
import secrets
from functools import partial

from services.errors import ServiceError
from services.queue import life as lives
from services.queue.clock import Clock
from services.queue.events import EventHub
from services.queue.fleet import Fleet, Session
from services.queue.leases import Leases
from services.queue.life import Step, Transition
from services.queue.records import Assignment, PromptState
from services.queue.stores.base import Claim, QueueStore
from services.queue.work import Interruption

log = logging.getLogger(__name__)

#: Bytes of randomness in a lease token.
TOKEN_BYTES = 24

#: Seconds before the next try after the storage failed.
RETRY_DELAY = 1.0


class Scheduler:
    """Claims prompts, in the store's order, for sessions with room.

    `dispatch` is to be called whenever a prompt may have begun to wait or a session may have got room; it does not
    wait, and costs nothing when there is nothing to do. `prompt_comes` and `room_comes` may be called right after the
    store was asked for the change that leads to it: the store then commits the change and the claim together, which
    spares a prompt a write to the disk.
    """

    def __init__(self, store: QueueStore, fleet: Fleet, leases: Leases, hub: EventHub, clock: Clock) -> None:
        self._store = store
        self._fleet = fleet
        self._leases = leases
        self._hub = hub
        self._clock = clock
        self._waiting = 0
        #: counts up with every prompt that begins to wait
        self._arrivals = 0
        self._claims: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._stopped = False

    async def start(self) -> None:
        """Count what waits already."""
        self._waiting = (await self._store.counts()).get(PromptState.PENDING, 0)
        self.dispatch()

    def see(self, step: Step) -> None:
        """Take note of a committed step."""
        arrives = step.life.state is PromptState.PENDING
        self._waiting += arrives
        self._arrivals += arrives
        self._waiting -= step.before is PromptState.PENDING
        if step.life.state is not step.before:
            self.dispatch()

    def recount(self, waiting: int) -> None:
        """Take note of how many prompts the store says that wait: other replicas add some and claim some."""
        self._waiting = waiting
        self.dispatch()

    def dispatch(self) -> None:
        """Begin a claim for everything that waits, as far as there is room."""
        while self._is_active and self._waiting > len(self._claims):
            session = self._fleet.idlest()
            if session is None:
                return
            self._claim_for(session)

    def prompt_comes(self) -> None:
        """A prompt is about to wait."""
        if self._is_active and (session := self._fleet.idlest()):
            self._claim_for(session)

    def room_comes(self, session: Session) -> None:
        """A session is about to have a prompt less."""
        if self._is_active and self._waiting > len(self._claims) and self._fleet.free(session, ending=1) > 0:
            self._claim_for(session)

    async def stop(self) -> None:
        """Begin no more claims and let those under way end."""
        self._stopped = True
        if self._retry is not None:
            self._retry.cancel()
        await asyncio.gather(*self._claims, return_exceptions=True)

    @property
    def _is_active(self) -> bool:
        return not self._stopped and self._retry is None

    def _claim_for(self, session: Session) -> None:
        session.reserved += 1
        assign = partial(
            lives.assign,
            executor_id=session.executor_id,
            token=secrets.token_urlsafe(TOKEN_BYTES),
            now=self._clock.now(),
            lease_until=self._leases.until(),
        )
        claim = asyncio.create_task(self._serve(session, assign))
        self._claims.add(claim)
        claim.add_done_callback(self._served)

    async def _serve(self, session: Session, assign: Transition) -> None:
        arrivals = self._arrivals
        try:
            claim = await self._store.claim(assign)
            if claim is not None and session.is_open:
                self._hand_over(session, claim)
            elif claim is not None:
                await self._take_back(claim)
            elif self._store.is_shared and arrivals == self._arrivals:
                self._waiting = max(0, self._waiting - 1)  # another replica took what was counted here
        except ServiceError as error:
            log.error("no prompt could be assigned: %s", error)
            self._pause()
        finally:
            session.reserved -= 1

    def _hand_over(self, session: Session, claim: Claim) -> None:
        lease = claim.life.lease
        assert lease is not None
        session.send(
            Assignment(
                lease=lease,
                attempt=len(claim.life.attempts),
                graph_json=claim.graph_json,
                extra_data_json=claim.extra_data_json,
                output_node_ids=claim.output_node_ids,
                previews_wanted=self._hub.wants_previews(lease.prompt_id),
                client_id=claim.life.client_id,
            )
        )
        current = self._leases.holder(lease)
        if current is not None and current.interrupt_requested:  # asked for while the assignment was being made
            session.send(Interruption(lease))

    async def _take_back(self, claim: Claim) -> None:
        release = partial(
            lives.lose,
            token=claim.life.lease_token or "",
            reason="the executor left before it was told",
            counts=False,
            max_attempts=1,
            now=self._clock.now(),
        )
        await self._store.apply(claim.life.prompt_id, release)

    def _served(self, claim: asyncio.Task[None]) -> None:
        self._claims.discard(claim)
        if claim.exception() is not None:
            log.error("a claim failed", exc_info=claim.exception())
            self._pause()
        self.dispatch()

    def _pause(self) -> None:
        """Let a failing storage rest."""
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(RETRY_DELAY, self._resume)

    def _resume(self) -> None:
        self._retry = None
        self.dispatch()
