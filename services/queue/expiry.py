"""What follows when a lease runs out: the attempt is over, and counts."""

from __future__ import annotations

import logging
from functools import partial

from services.queue import life as lives
from services.queue.clock import Clock
from services.queue.leases import Leases
from services.queue.life import Life
from services.queue.metrics.lives import LifeMetrics
from services.queue.stores.base import QueueStore

log = logging.getLogger(__name__)


class Expiry:
    """Ends attempts whose executors are silent."""

    def __init__(
        self, store: QueueStore, leases: Leases, clock: Clock, metrics: LifeMetrics, max_attempts: int
    ) -> None:
        self._store = store
        self._leases = leases
        self._clock = clock
        self._metrics = metrics
        self._max_attempts = max_attempts

    async def run(self) -> None:
        """Watch the leases until cancelled."""
        await self._leases.expire(self._expired)

    async def _expired(self, life: Life) -> None:
        assert life.lease_token is not None and life.lease_until is not None
        log.warning("the lease of prompt %s on executor %s expired", life.prompt_id, life.executor_id)
        expire = partial(
            lives.expire,
            token=life.lease_token,
            lease_until=life.lease_until,
            max_attempts=self._max_attempts,
            now=self._clock.now(),
        )
        try:
            if await self._store.apply(life.prompt_id, expire) is not None:
                self._metrics.lease_expired()
        except Exception:  # whatever it was, other leases must go on expiring, and this one is tried again
            log.exception("an expired lease could not be ended")
