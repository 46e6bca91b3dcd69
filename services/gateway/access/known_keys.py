"""What the queue says of keys, remembered for a few seconds."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.errors import DeadlineExceeded, Unauthenticated, Unavailable
from services.queue.api_keys.records import ApiKey
from services.queue.api_keys.secret import Secret

#: Seconds for which the queue is not asked again: a revoked key is good for no longer.
FRESH = 10.0

#: Seconds for which a key is good that the queue cannot be asked about.
OUTAGE_PATIENCE = 300.0

#: Keys that are remembered; as many of those that are none.
MAX_KEYS = 4096

#: Questions that the queue gets at once: wrong keys cost a flood of strangers more than us.
MAX_QUESTIONS = 16


@dataclass(frozen=True)
class _Told:
    #: None for what is no key
    key: ApiKey | None
    #: by the monotonic clock
    told_at: float


class KnownKeys:
    """Tells whose a key is."""

    def __init__(self, ask: Callable[[str], Awaitable[ApiKey]]) -> None:
        """`ask` raises `Unauthenticated` for what is no key."""
        self._ask = ask
        self._good: OrderedDict[bytes, _Told] = OrderedDict()
        self._bad: OrderedDict[bytes, _Told] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[ApiKey]] = {}
        self._places = asyncio.Semaphore(MAX_QUESTIONS)

    async def find(self, text: str) -> ApiKey:
        """The key that somebody shows.

        Raises:
            Unauthenticated: it is none, or opens nothing any more.
            Unavailable: the queue cannot be asked, and has not been asked lately.
        """
        if Secret.parse(text) is None:
            raise Unauthenticated("this is not a key")
        name = hashlib.sha256(text.encode()).digest()
        known = self._good.get(name) or self._bad.get(name)
        if known is None or time.monotonic() - known.told_at >= FRESH:
            known = await self._told(name, text, known)
        if known.key is None or not known.key.opens_at(time.time()):
            raise Unauthenticated("this is not a key")
        return known.key

    async def _told(self, name: bytes, text: str, before: _Told | None) -> _Told:
        try:
            key = await self._asked(name, text)
        except Unauthenticated:
            self._good.pop(name, None)
            return _remember(self._bad, name, _Told(None, time.monotonic()))
        except (Unavailable, DeadlineExceeded):
            if before is None or before.key is None or time.monotonic() - before.told_at >= OUTAGE_PATIENCE:
                raise
            return before
        self._bad.pop(name, None)
        return _remember(self._good, name, _Told(key, time.monotonic()))

    async def _asked(self, name: bytes, text: str) -> ApiKey:
        """What the queue says; one question serves all who want to know meanwhile."""
        if name not in self._asking:
            asking = asyncio.create_task(self._question(text))
            self._asking[name] = asking
            asking.add_done_callback(lambda _: self._asking.pop(name, None))
        return await asyncio.shield(self._asking[name])

    async def _question(self, text: str) -> ApiKey:
        async with self._places:
            return await self._ask(text)


def _remember(kept: OrderedDict[bytes, _Told], name: bytes, told: _Told) -> _Told:
    kept[name] = told
    kept.move_to_end(name)
    if len(kept) > MAX_KEYS:
        kept.popitem(last=False)
    return told
