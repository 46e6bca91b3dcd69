"""Brings waiting prompts and free executors together the moment that there is one of each."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Collection
from functools import partial

from services.errors import ServiceError
from services.graph.requirements import Requirement
from services.queue import life as lives
from services.queue.backlog import Backlog
from services.queue.clock import Clock
from services.queue.events import EventHub
from services.queue.fleet import Fleet, Session
from services.queue.leases import Leases
from services.queue.life import Step, Transition
from services.queue.placements import Placements
from services.queue.quotas import Quotas
from services.queue.records import Assignment
from services.queue.stores.base import Choice, Claim, QueueStore, Waiting
from services.queue.work import Interruption
from services.tracing import Traces

log = logging.getLogger(__name__)

#: Bytes of randomness in a lease token.
TOKEN_BYTES = 24

#: Times that a prompt is passed over for one whose models an executor has in memory.
WARM_WINDOW = 8

#: Seconds before the next try after the storage failed.
RETRY_DELAY = 1.0


class Scheduler:
    """Claims prompts, in the store's order, for sessions with room.

    `dispatch` is to be called whenever a prompt may have begun to wait or a session may have got room; it does not
    wait, and costs nothing when there is nothing to do. `prompt_comes` and `room_comes` may be called right after the
    store was asked for the change that leads to it: the store then commits the change and the claim together, which
    spares a prompt a write to the disk.
    """

    def __init__(
        self,
        *,
        store: QueueStore,
        fleet: Fleet,
        leases: Leases,
        placements: Placements,
        quotas: Quotas,
        hub: EventHub,
        clock: Clock,
        traces: Traces | None = None,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._leases = leases
        self._placements = placements
        self._hub = hub
        self._clock = clock
        self._quotas = quotas
        self._traces = traces
        #: what waits
        self.backlog = Backlog()
        self._claims: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._stopped = False

    async def start(self) -> None:
        """Count what waits already."""
        await self.refresh()

    async def refresh(self) -> None:
        """Count what waits anew, and what it needs: other replicas add some and claim some."""
        version = self.backlog.version
        waiting = await self._store.waiting()
        if version == self.backlog.version:  # else a step was seen meanwhile that may not be in what was read
            self.backlog.reset(waiting)
        self._placements.forget_all_but(self.backlog.placements())
        await self._placements.load(self.backlog.placements())
        self.dispatch()

    def see(self, step: Step) -> None:
        """Take note of a committed step."""
        self.backlog.see(step)
        if step.life.state is not step.before:
            self.dispatch()

    def dispatch(self) -> None:
        """Begin a claim for everything that waits, as far as there is room."""
        while self._is_active:
            passed = self._passed_over()
            session = self._suitable(self.backlog.placements(passed)) if self._has_work(passed) else None
            if session is None:
                return
            self._claim_for(session, passed)

    def prompt_comes(self, requirement: Requirement, user_id: str) -> None:
        """A prompt of a user that needs this is about to wait."""
        self._placements.learn(requirement)
        passed = self._passed_over(user_id)
        if not self._is_active or user_id in passed:
            return
        if session := self._suitable([requirement.placement]):
            self._claim_for(session, passed, Waiting(requirement.placement, user_id, 1))

    def room_comes(self, session: Session) -> None:
        """A session is about to have a prompt less."""
        passed = self._passed_over()
        if not self._is_active or not self._has_work(passed) or self._fleet.free(session, ending=1) <= 0:
            return
        if any(self._placements.fits(session, placement) for placement in self.backlog.placements(passed)):
            self._claim_for(session, passed)

    async def stop(self) -> None:
        """Begin no more claims and let those under way end."""
        self._stopped = True
        if self._retry is not None:
            self._retry.cancel()
        await asyncio.gather(*self._claims, return_exceptions=True)

    @property
    def _is_active(self) -> bool:
        return not self._stopped and self._retry is None

    def _passed_over(self, *coming: str) -> frozenset[str]:
        """Users who may have no more running, should every claim under way come to a prompt of theirs."""
        if not self._quotas.has_running_limits:
            return frozenset()
        return self._quotas.at_limit({*self.backlog.users(), *coming}, self._leases.by_user, len(self._claims))

    def _has_work(self, passed: frozenset[str]) -> bool:
        return self.backlog.total - sum(map(self.backlog.of_user, passed)) > len(self._claims)

    def _suitable(self, placements: Collection[int]) -> Session | None:
        """A session with room that is able to run one of these, rather one that has the models of one in memory."""
        fitting = [
            session
            for session in self._fleet.with_room()
            if any(self._placements.fits(session, placement) for placement in placements)
        ]
        if len(fitting) > 1:
            for session in fitting:
                if any(self._placements.is_warm(session, placement) for placement in placements):
                    return session
        return fitting[0] if fitting else None

    def _choice(self, session: Session, passed: frozenset[str], coming: Waiting | None) -> Choice:
        """What the session may be given, and what it would rather have while there are others for the rest."""
        waiting = {*self.backlog.placements(passed), *([coming.placement] if coming else [])}
        users = {*self.backlog.users(), *([coming.user_id] if coming else [])} - passed if passed else None
        fitting = frozenset(placement for placement in waiting if self._placements.fits(session, placement))
        warm = frozenset(placement for placement in fitting if self._placements.is_warm(session, placement))
        return Choice(
            placements=None if len(fitting) == len(waiting) else fitting,
            users=None if users is None else frozenset(users),
            warm=warm,
            window=WARM_WINDOW if warm and self._fleet.is_shared else 0,
        )

    def _claim_for(self, session: Session, passed: frozenset[str], coming: Waiting | None = None) -> None:
        session.reserved += 1
        self._fleet.serves(session)
        assign = partial(
            lives.assign,
            executor_id=session.executor_id,
            device=session.device,
            token=secrets.token_urlsafe(TOKEN_BYTES),
            now=self._clock.now(),
            lease_until=self._leases.until(),
        )
        claim = asyncio.create_task(self._serve(session, assign, self._choice(session, passed, coming)))
        self._claims.add(claim)
        claim.add_done_callback(self._served)

    async def _serve(self, session: Session, assign: Transition, choice: Choice) -> None:
        version = self.backlog.version
        try:
            claim = await self._store.claim(assign, choice)
            if claim is None:
                if self._store.is_shared and version == self.backlog.version:  # others took what was counted here
                    self.backlog.drop(choice.placements or list(self.backlog.placements()), choice.users)
                return
            await self._assign(session, claim)
        except ServiceError as error:
            log.error("no prompt could be assigned: %s", error)
            self._pause()
        finally:
            session.reserved -= 1

    async def _assign(self, session: Session, claim: Claim) -> None:
        """Give a claimed prompt to the session that it was claimed for, or back."""
        try:
            await self._placements.load([claim.life.placement])
        except ServiceError:  # nobody has been told of it: it need not wait for the end of its lease
            await self._take_back(claim, "what it needs cannot be read")
            raise
        if not session.is_open:
            await self._take_back(claim, "the executor left before it was told")
        elif session.is_draining:
            await self._take_back(claim, "the executor takes no more prompts")
        elif not self._placements.fits(session, claim.life.placement):
            await self._take_back(claim, "it was meant for another executor")
        else:
            self._hand_over(session, claim)

    def _hand_over(self, session: Session, claim: Claim) -> None:
        lease = claim.life.lease
        assert lease is not None
        if self._traces:
            self._trace(self._traces, claim)
        session.send(
            Assignment(
                lease=lease,
                attempt=len(claim.life.attempts),
                graph_json=claim.graph_json,
                extra_data_json=claim.extra_data_json,
                output_node_ids=claim.output_node_ids,
                previews_wanted=self._hub.wants_previews(lease.prompt_id),
                client_id=claim.life.client_id,
                user_id=claim.life.user_id,
                file_space=claim.file_space,
                traceparent=claim.traceparent,
            )
        )
        session.warm_models |= self._placements.models(claim.life.placement)  # until it says itself what it has
        current = self._leases.holder(lease)
        if current is not None and current.interrupt_requested:  # asked for while the assignment was being made
            session.send(Interruption(lease))

    def _trace(self, traces: Traces, claim: Claim) -> None:
        """Tell how long a prompt has waited, since it was submitted or given back."""
        life = claim.life
        since = life.attempts[-2].ended_at if len(life.attempts) > 1 else life.submitted_at
        about = {"prompt_id": life.prompt_id, "user_id": life.user_id, "priority": life.priority}
        traces.begin("wait", claim.traceparent, since, **about).end(life.attempts[-1].started_at)

    async def _take_back(self, claim: Claim, reason: str) -> None:
        release = partial(
            lives.lose,
            token=claim.life.lease_token or "",
            reason=reason,
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
