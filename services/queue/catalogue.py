"""The node classes that prompts are validated against: what executors published, kept over restarts."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass

from blake3 import blake3

from services.errors import InvalidArgument, Unavailable
from services.graph.definitions import Catalogue
from services.queue.joining import joined
from services.queue.stores.base import QueueStore

log = logging.getLogger(__name__)

#: Seconds that a caller waits for the first catalogue.
FIRST_CATALOGUE_TIMEOUT = 30.0


@dataclass(frozen=True, eq=False)
class _Part:
    """What one executor published, or all of them together."""

    digest: str
    definitions_json: bytes
    catalogue: Catalogue


class CatalogueKeeper:
    """Joins the catalogues of the executors that are connected.

    When several have a class, whoever published last defines it, and what may be chosen is joined. What left executors
    knew stays until the next publication, so that prompts are taken while every executor is away.
    """

    def __init__(self, store: QueueStore, patience: float = FIRST_CATALOGUE_TIMEOUT) -> None:
        self._store = store
        self._patience = patience
        self._parts: dict[str, _Part] = {}
        self._whole: _Part | None = None
        self._known = asyncio.Event()
        self._changing = asyncio.Lock()

    @property
    def is_known(self) -> bool:
        """Whether anybody has published anything."""
        return self._whole is not None

    async def start(self) -> None:
        """Take up what was known before the restart, or to another replica."""
        saved = await self._store.catalogue()
        if saved is not None:
            part = await asyncio.to_thread(_read, *saved)
            self._parts[part.digest] = part
            self._set(part)

    def has(self, digest: str) -> bool:
        """Whether the catalogue of this digest need not be sent again."""
        return digest in self._parts

    def serves(self, digest: str, class_type: str) -> bool:
        """Whether the catalogue of this digest has a class."""
        part = self._parts.get(digest)
        return part is not None and class_type in part.catalogue

    def of(self, digest: str) -> Catalogue | None:
        """The catalogue of this digest, of those that executors serve now."""
        part = self._parts.get(digest)
        return part.catalogue if part else None

    async def publish(self, digest: str, definitions_json: bytes, in_use: set[str]) -> None:
        """Take an executor's catalogue; `in_use` are the digests that executors serve now.

        Raises:
            InvalidArgument: it is not a JSON object of node definitions, or not what the digest says.
        """
        if blake3(definitions_json).hexdigest() != digest:
            raise InvalidArgument("the node catalogue does not have the digest that came with it")
        await self._put(await asyncio.to_thread(_read, digest, definitions_json), in_use)

    async def refer(self, digest: str, in_use: set[str]) -> None:
        """Take note that an executor serves a catalogue that is known already."""
        if digest in self._parts:
            await self._put(self._parts[digest], in_use)

    async def current(self) -> tuple[str, bytes]:
        """The digest and the JSON of the whole.

        Raises:
            Unavailable: no executor has published any in time.
        """
        whole = await self._wait()
        return whole.digest, whole.definitions_json

    async def definitions(self) -> Catalogue:
        """The whole, to validate against; raises as `current` does."""
        return (await self._wait()).catalogue

    async def _wait(self) -> _Part:
        try:
            await asyncio.wait_for(self._known.wait(), self._patience)
        except TimeoutError:
            raise Unavailable("no executor has told yet which node classes exist") from None
        assert self._whole is not None
        return self._whole

    async def _put(self, part: _Part, in_use: set[str]) -> None:
        async with self._changing:
            others = [known for known in self._parts.values() if known.digest in in_use and known.digest != part.digest]
            self._parts = {known.digest: known for known in (*others, part)}
            whole = await asyncio.to_thread(_joined, others, part)
            if self._whole is None or whole.digest != self._whole.digest:
                await self._store.save_catalogue(whole.digest, whole.definitions_json)
                self._set(whole)

    def _set(self, whole: _Part) -> None:
        self._whole = whole
        self._known.set()
        log.info("%d node classes are known", len(whole.catalogue))


def _read(digest: str, definitions_json: bytes) -> _Part:
    return _Part(digest, definitions_json, Catalogue.from_json(definitions_json))


def _joined(others: list[_Part], last: _Part) -> _Part:
    if not others:
        return last
    definitions_json = json.dumps(joined(json.loads(part.definitions_json) for part in (*others, last))).encode()
    return _read(blake3(definitions_json).hexdigest(), definitions_json)
