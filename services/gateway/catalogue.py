"""`/object_info`, serialised and compressed once per version of the node catalogue."""

from __future__ import annotations

import asyncio
import gzip
import time

import msgspec

from services.gateway.translate.object_info import served_definitions
from services.queue.client import QueueClient

#: Seconds for which the queue is not asked again whether the catalogue changed.
FRESH = 0.5

GZIP_LEVEL = 6


class Catalogue:
    """One version of the node catalogue, as clients get it."""

    def __init__(self, digest: str, classes: dict[str, msgspec.Raw]) -> None:
        self.digest = digest
        self.classes = classes
        self.body = msgspec.json.encode(classes)
        self.gzipped = gzip.compress(self.body, GZIP_LEVEL, mtime=0)

    @classmethod
    def parse(cls, digest: str, definitions_json: bytes) -> Catalogue:
        """Prepare what the queue holds; takes a while for a large catalogue."""
        return cls(digest, served_definitions(definitions_json))


class CatalogueCache:
    """The current catalogue; one question to the queue serves all that ask meanwhile."""

    def __init__(self, queue: QueueClient) -> None:
        self._queue = queue
        self._current: Catalogue | None = None
        self._fresh_until = 0.0
        self._asking = asyncio.Lock()

    async def get(self) -> Catalogue:
        """The current version.

        Raises:
            Unavailable: no executor has published its node classes yet, or the queue cannot be reached.
        """
        if self._current is not None and time.monotonic() < self._fresh_until:
            return self._current
        async with self._asking:
            if self._current is None or time.monotonic() >= self._fresh_until:
                self._current = await self._ask(self._current)
                self._fresh_until = time.monotonic() + FRESH
            return self._current

    async def _ask(self, known: Catalogue | None) -> Catalogue:
        digest, definitions_json = await self._queue.catalogue(known.digest if known else "")
        if known is not None and (definitions_json is None or digest == known.digest):
            return known
        return await asyncio.to_thread(Catalogue.parse, digest, definitions_json or b"{}")
