"""The replicas of a queue: which there are, and asking one that answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from services.errors import Unavailable
from services.queue.client.replica import Replica
from services.rpc.addresses import addresses, may_change, resolved
from services.rpc.channel import call
from services.rpc.security import NONE, Security

if TYPE_CHECKING:
    from silverprint.queue.v1.queue_pb2_grpc import QueueServiceAsyncStub

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds between looks at which hosts the names mean, and when one of them cannot be reached.
LOOK_UP_INTERVAL = 30.0
DOUBTFUL_INTERVAL = 2.0

#: A replica that fails after more seconds than these has answered for all of them: it waited for what is not there. One
#: that hangs is noticed earlier.
ANSWERED_AFTER = 25.0


class Replicas:
    """The replicas at a list of addresses; a name that several hosts have stands for all of them."""

    def __init__(self, targets: str, security: Security = NONE) -> None:
        self._targets = addresses(targets)
        self._security = security
        #: set when a replica cannot be reached: it may be somewhere else now
        self._doubt = asyncio.Event()
        self._replicas = {address: self._replica(address) for address in self._targets}
        self._former: list[Replica] = []
        self._changed = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    @property
    def only(self) -> Replica | None:
        """The one that there is, if there can never be others."""
        return self.first if len(self._targets) == 1 and not may_change(self._targets[0]) else None

    @property
    def first(self) -> Replica:
        """One that can be expected to answer."""
        return self._by_readiness()[0]

    def current(self) -> list[Replica]:
        """Those that are known now, at least one."""
        return list(self._replicas.values())

    async def changed(self) -> None:
        """Wait until there are others."""
        await self._changed.wait()

    async def open(self) -> None:
        """Look names up, now and from now on."""
        if any(map(may_change, self._targets)):
            await self._look_up()
            self._looking = asyncio.create_task(self._keep_looking_up())

    async def close(self) -> None:
        """End all connections."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        for replica in (*self._replicas.values(), *self._former):
            await replica.close()

    async def call(self, ask: Callable[[QueueServiceAsyncStub], Awaitable[T]]) -> T:
        """The answer of one replica's `QueueService`; see `ask`."""
        return await self.ask(lambda replica: ask(replica.queue))

    async def ask(self, ask: Callable[[Replica], Awaitable[T]]) -> T:
        """The answer of one replica; where one cannot be reached, that of another.

        Raises:
            ServiceError: what the replica raised, or `Unavailable` / `DeadlineExceeded` from the transport.
        """
        *others, last = self._by_readiness()
        for replica in others:
            began = time.monotonic()
            try:
                return await call(ask(replica))
            except Unavailable as error:
                replica.rest()
                if time.monotonic() - began > ANSWERED_AFTER:
                    raise
                log.info("the queue at %s does not answer: %s", replica.address, error.message)
        return await call(ask(last))

    async def call_all(self, ask: Callable[[QueueServiceAsyncStub], Awaitable[T]]) -> list[T]:
        """The answers of all replicas that can be reached; raises as `call` does when none can."""
        answers = await asyncio.gather(*(call(ask(each.queue)) for each in self.current()), return_exceptions=True)
        found = [answer for answer in answers if not isinstance(answer, BaseException)]
        for answer in answers:
            if isinstance(answer, BaseException) and not (found and isinstance(answer, Unavailable)):
                raise answer
        return found

    def _replica(self, address: str) -> Replica:
        return Replica(address, self._doubt.set, self._security)

    def _by_readiness(self) -> list[Replica]:
        if len(self._replicas) == 1:
            return list(self._replicas.values())
        return sorted(self._replicas.values(), key=lambda replica: (replica.is_resting, replica.place))

    async def _keep_looking_up(self) -> None:
        while True:
            await asyncio.sleep(DOUBTFUL_INTERVAL)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_UP_INTERVAL - DOUBTFUL_INTERVAL):
                    await self._doubt.wait()
            self._doubt.clear()
            await self._look_up()

    async def _look_up(self) -> None:
        found = await resolved(self._targets)
        if set(found) != set(self._replicas):
            log.info("replicas of the queue: %s", ", ".join(found))
            self._former += [replica for address, replica in self._replicas.items() if address not in found]
            known = self._replicas
            self._replicas = {each: known.get(each) or self._replica(each) for each in found}
            self._changed.set()
            self._changed = asyncio.Event()
        for replica in [former for former in self._former if not former.is_in_use]:
            self._former.remove(replica)
            await replica.close()
