"""Receivers that do not answer: they take up a place for long, so each gets one at a time until it speaks again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from services.queue.webhooks.sender import DeliveryFailed

#: Hosts that are remembered; a receiver that is forgotten is merely given the benefit of the doubt.
KEPT = 1000


class Silence:
    """Knows which hosts took all the time there is when they were called last."""

    def __init__(self) -> None:
        self._silent: dict[str, None] = {}
        self._calls: Counter[str] = Counter()

    @contextmanager
    def calling(self, url: str) -> Iterator[None]:
        """Around a call; learns from how it ends.

        Raises:
            DeliveryFailed: the host is silent, and somebody is calling it already.
        """
        host = httpx.URL(url).host
        if host in self._silent and self._calls[host]:
            raise DeliveryFailed(f"not tried: {host} does not answer, and is being called already")
        self._calls[host] += 1
        try:
            yield
        except DeliveryFailed as failure:
            self._learn(host, silent=failure.silent)
            raise
        else:
            self._learn(host, silent=False)
        finally:
            self._calls[host] -= 1
            if not self._calls[host]:
                del self._calls[host]

    def _learn(self, host: str, *, silent: bool) -> None:
        self._silent.pop(host, None)
        if silent:
            self._silent[host] = None
            if len(self._silent) > KEPT:
                del self._silent[next(iter(self._silent))]
