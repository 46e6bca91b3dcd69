"""The leases that are out: who runs what, until when, and what happens when nobody renews."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from services.queue.clock import Clock
from services.queue.life import Life
from services.queue.records import Lease

log = logging.getLogger(__name__)

#: A queue that looks so much later than it meant to, as a share of a lease's duration, was held up: executors renew
#: three times as often, and what they said meanwhile has not been read yet.
HELD_UP = 1 / 3

#: Told the life, as it was last seen, whose lease has run out.
ExpiryHandler = Callable[[Life], Awaitable[None]]


class Change(msgspec.Struct, frozen=True):
    """What another replica did to a running prompt: as it was known, and as it is now; None while it does not run."""

    before: Life | None
    now: Life | None


class Leases:
    """The running prompts, as the committed steps tell of them, and what is read of those that other replicas lease.

    Deadlines are on the monotonic clock from when a grant or renewal was seen: neither a jump of the wall clock nor
    a machine that slept ends a lease. After a restart of the queue, or a time in which its process was held up, nobody
    could renew meanwhile: every lease has its whole duration again.
    """

    def __init__(self, clock: Clock, duration: float) -> None:
        #: seconds
        self.duration = duration
        self._clock = clock
        self._running: dict[str, tuple[Life, float]] = {}
        self._by_executor: dict[str, set[str]] = {}
        #: how many prompts each user has running
        self.by_user: Counter[str] = Counter()
        self._any = asyncio.Event()
        #: prompts of which a step was seen since a reading began; None while there is none
        self._seen: set[str] | None = None

    def until(self) -> float:
        """The wall-clock time at which a lease ends that is granted or renewed now."""
        return self._clock.now() + self.duration

    def see(self, life: Life) -> None:
        """Take note of a committed step."""
        if self._seen is not None:
            self._seen.add(life.prompt_id)
        self._take(life)

    def begin_reading(self) -> None:
        """What runs is about to be read from a store that others change, too."""
        self._seen = set()

    def end_reading(self, running: Iterable[Life]) -> list[Change]:
        """Take note of what was read, but of no prompt of which a step was seen meanwhile; what others changed."""
        seen, self._seen = self._seen or set(), None
        read = {life.prompt_id: life for life in running}
        ids = {*self._running, *read} - seen
        changes = [Change(self.of_prompt(id_), read.get(id_)) for id_ in ids if self.of_prompt(id_) != read.get(id_)]
        for change in changes:
            if change.now is not None:
                self._take(change.now)
            elif change.before is not None:
                self._drop(change.before.prompt_id)
        return changes

    def holder(self, lease: Lease) -> Life | None:
        """The running prompt, if the lease is still its own."""
        known = self._running.get(lease.prompt_id)
        return known[0] if known is not None and known[0].lease_token == lease.token else None

    def of_prompt(self, prompt_id: str) -> Life | None:
        """The prompt, if it runs."""
        known = self._running.get(prompt_id)
        return known[0] if known else None

    def of_executor(self, executor_id: str) -> list[Life]:
        """What an executor runs."""
        return [self._running[prompt_id][0] for prompt_id in self._by_executor.get(executor_id, ())]

    def count(self, executor_id: str) -> int:
        """How many prompts an executor runs."""
        return len(self._by_executor.get(executor_id, ()))

    def all(self) -> list[Life]:
        """Everything that runs."""
        return [life for life, _ in self._running.values()]

    def begin_anew(self) -> None:
        """Give every lease its whole duration again: nobody could renew."""
        self._running = {prompt_id: (life, self._deadline()) for prompt_id, (life, _) in self._running.items()}

    async def expire(self, handle: ExpiryHandler) -> None:
        """Tell `handle` every lease that runs out, for as long as the queue lives.

        A lease that is granted meanwhile ends after all others, so nothing needs to cut the sleep short.
        """
        while True:
            await self._any.wait()
            earliest = min(deadline for _, deadline in self._running.values())
            await self._clock.sleep(max(0.0, earliest - self._clock.monotonic()))
            now = self._clock.monotonic()
            if now - earliest > self.duration * HELD_UP:
                log.warning("nothing was heard for %.1f s, all leases begin anew", now - earliest)
                self.begin_anew()
                continue
            for life, deadline in list(self._running.values()):
                if deadline <= now:
                    await handle(life)
                    self._postpone(life)

    def _take(self, life: Life) -> None:
        known = self._running.get(life.prompt_id)
        if life.lease_token is None:
            self._drop(life.prompt_id)
        elif known is not None and known[0].lease_token == life.lease_token:
            renewed = known[0].lease_until != life.lease_until
            self._running[life.prompt_id] = (life, self._deadline() if renewed else known[1])
        else:
            self._drop(life.prompt_id)
            self._running[life.prompt_id] = (life, self._deadline())
            self._by_executor.setdefault(life.executor_id or "", set()).add(life.prompt_id)
            self.by_user[life.user_id] += 1
            self._any.set()

    def _postpone(self, life: Life) -> None:
        """Ask again after another duration where the handler could not change anything (the storage failed)."""
        if self._running.get(life.prompt_id, (None, 0.0))[0] is life:
            self._running[life.prompt_id] = (life, self._deadline())

    def _deadline(self) -> float:
        return self._clock.monotonic() + self.duration

    def _drop(self, prompt_id: str) -> None:
        known = self._running.pop(prompt_id, None)
        if known is None:
            return
        user_id = known[0].user_id
        self.by_user[user_id] -= 1
        if not self.by_user[user_id]:
            del self.by_user[user_id]
        executor_id = known[0].executor_id or ""
        held = self._by_executor[executor_id]
        held.discard(prompt_id)
        if not held:
            del self._by_executor[executor_id]
        if not self._running:
            self._any.clear()
