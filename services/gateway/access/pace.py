"""How many requests a key may bring in a minute."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from services.errors import ResourceExhausted

#: Keys whose pace is remembered; the one used longest ago goes, and begins anew.
MAX_KEYS = 4096


class Pace:
    """A bucket for each key, which holds a minute's requests and fills evenly (token bucket)."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        #: what is left, and when
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key_id: str, requests_per_minute: int) -> None:
        """Count a request.

        Raises:
            ResourceExhausted: there were too many in the last minute; says when there may be one more.
        """
        now = self._now()
        left, then = self._buckets.get(key_id, (float(requests_per_minute), now))
        a_second = requests_per_minute / 60
        left = min(float(requests_per_minute), left + (now - then) * a_second)
        if left < 1:
            raise ResourceExhausted(
                f"this key may bring {requests_per_minute} requests in a minute", retry_after=(1 - left) / a_second
            )
        self._buckets[key_id] = (left - 1, now)
        self._buckets.move_to_end(key_id)
        if len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)
