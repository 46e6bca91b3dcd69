"""How much users may have waiting and running at once, and whose share is larger."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Mapping

import msgspec

from services.errors import InvalidArgument, NotFound, ServiceError
from services.queue.clock import Clock
from services.queue.node_rules import MAX_PATTERN_LENGTH, MAX_PATTERNS, NodeRules
from services.queue.records import UserLimits
from services.queue.stores.base import AllLimits, QueueStore

log = logging.getLogger(__name__)

#: Seconds between looks at what other replicas of the queue were told.
READING_INTERVAL = 5.0

#: Characters that the id of a user may have.
MAX_ID_LENGTH = 256

#: What a number of prompts and a weight may be at most.
MAX_PROMPTS = 1_000_000_000
MAX_WEIGHT = 1000.0


class QueueLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of prompts, 0 for any number, and which nodes these may have."""

    #: of all users together
    max_waiting: int = 0
    max_waiting_per_user: int = 0
    max_running_per_user: int = 0
    nodes: NodeRules = NodeRules()

    def __post_init__(self) -> None:
        """Check that they make sense.

        Raises:
            InvalidArgument: they do not.
        """
        for name in ("max_waiting", "max_waiting_per_user", "max_running_per_user"):
            _check_number(name.replace("_", "-"), getattr(self, name))
        _check_patterns("allowed-nodes", self.nodes.allowed)
        _check_patterns("denied-nodes", self.nodes.denied)


class Quotas:
    """What each user may have: what all may have, unless somebody said otherwise. The store keeps what was said."""

    def __init__(
        self, store: QueueStore, clock: Clock, defaults: QueueLimits, changed: Callable[[], None] = lambda: None
    ) -> None:
        """`changed` is called when users may have something else."""
        #: what all may have
        self.defaults = defaults
        self._changed = changed
        self._store = store
        self._clock = clock
        self._said: dict[str, UserLimits] = {}
        #: whether there is anybody who may not have any number running
        self.has_running_limits = bool(defaults.max_running_per_user)
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what was said before the restart, and what other replicas are told."""
        await self._read()
        if self._store.is_shared:
            self._reading = asyncio.create_task(self._keep_reading())

    async def stop(self) -> None:
        """Look no more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    async def all(self) -> AllLimits:
        """What was said about users, in the order of their ids."""
        await self._read()
        return sorted(self._said.values(), key=lambda limits: limits.user_id)

    async def set(self, limits: UserLimits) -> None:
        """Say what a user may have, instead of what was said before; prompts that are there already stay.

        Raises:
            InvalidArgument: it makes no sense.
        """
        _check(limits)
        await self._store.set_user_limits(limits)
        await self._read()

    async def delete(self, user_id: str) -> None:
        """Let a user have what all may have.

        Raises:
            NotFound: nothing was said about the user.
        """
        if not await self._store.delete_user_limits(user_id):
            raise NotFound(f"user {user_id!r} has no limits of their own")
        await self._read()

    def weight(self, user_id: str) -> float:
        """Of a user's share."""
        said = self._said.get(user_id)
        return 1.0 if said is None or said.weight is None else said.weight

    def max_waiting(self, user_id: str) -> int:
        """Prompts of a user that may wait at once, 0 for any number."""
        said = self._said.get(user_id)
        return self.defaults.max_waiting_per_user if said is None or said.max_waiting is None else said.max_waiting

    def max_running(self, user_id: str) -> int:
        """Prompts of a user that may run at once, 0 for any number."""
        said = self._said.get(user_id)
        return self.defaults.max_running_per_user if said is None or said.max_running is None else said.max_running

    def nodes(self, user_id: str) -> NodeRules:
        """Which classes of nodes prompts of a user may have."""
        said = self._said.get(user_id)
        if said is None:
            return self.defaults.nodes
        return NodeRules(
            said.allowed_nodes or self.defaults.nodes.allowed, said.denied_nodes or self.defaults.nodes.denied
        )

    def at_limit(self, users: Collection[str], running: Mapping[str, int], claims: int) -> frozenset[str]:
        """Those of the users who may have no more running, should all claims under way be for prompts of theirs."""
        return frozenset(user for user in users if 0 < self.max_running(user) <= running.get(user, 0) + claims)

    async def _read(self) -> None:
        said_before = self._said
        self._said = {limits.user_id: limits for limits in await self._store.user_limits()}
        said = any(limits.max_running for limits in self._said.values())
        self.has_running_limits = said or bool(self.defaults.max_running_per_user)
        if self._said != said_before:
            self._changed()

    async def _keep_reading(self) -> None:
        while True:
            await self._clock.sleep(READING_INTERVAL)
            try:
                await self._read()
            except ServiceError as error:
                log.warning("the limits of users cannot be read: %s", error.message)


def _check(limits: UserLimits) -> None:
    if len(limits.user_id) > MAX_ID_LENGTH or "\0" in limits.user_id:
        raise InvalidArgument(f"user_id has up to {MAX_ID_LENGTH} characters, none of them with the code 0")
    weight = limits.weight
    if weight is not None and not (math.isfinite(weight) and 1 / MAX_WEIGHT <= weight <= MAX_WEIGHT):
        raise InvalidArgument(f"weight must be from {1 / MAX_WEIGHT:g} to {MAX_WEIGHT:g}, not {weight:g}")
    for name in ("max_waiting", "max_running"):
        _check_number(name, getattr(limits, name) or 0)
    for name in ("allowed_nodes", "denied_nodes"):
        _check_patterns(name, getattr(limits, name))


def _check_patterns(name: str, patterns: Collection[str]) -> None:
    if len(patterns) > MAX_PATTERNS:
        raise InvalidArgument(f"{name} has {len(patterns)} classes, more than {MAX_PATTERNS}")
    for pattern in patterns:
        if not 0 < len(pattern) <= MAX_PATTERN_LENGTH or "\0" in pattern:
            raise InvalidArgument(f"{name}: {pattern[:100]!r} is no name of a class, nor a pattern of names")


def _check_number(name: str, number: int) -> None:
    if not 0 <= number <= MAX_PROMPTS:
        raise InvalidArgument(f"{name} must be from 0, for any number, to {MAX_PROMPTS}, not {number}")


ANY_NUMBER = QueueLimits()
