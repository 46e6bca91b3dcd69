"""`/object_info`, serialised and compressed once per version of the node catalogue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

import msgspec
from blake3 import blake3

from services.gateway.momentary import Momentary
from services.gateway.prepared import Prepared
from services.gateway.translate.object_info import Internals, internals_of, served_definitions, with_choices
from services.graph.definitions import NodeDefinition
from services.queue.client import QueueClient


class Catalogue:
    """One version of the node catalogue, as clients get it."""

    def __init__(self, digest: str, classes: dict[str, msgspec.Raw], internals: Mapping[str, Internals]) -> None:
        self.digest = digest
        self.classes = classes
        self.served = Prepared(digest, msgspec.json.encode(classes))
        self._internals = internals

    @classmethod
    def parse(cls, digest: str, definitions_json: bytes) -> Catalogue:
        """Prepare what the queue holds; takes a while for a large catalogue."""
        return cls(digest, served_definitions(definitions_json), internals_of(definitions_json))

    def offering(self, paths: Sequence[str]) -> Catalogue:
        """The same version for a user whose input files these are; takes a while for a large catalogue."""
        offered = {
            name: with_choices(self.classes[name], internals.lists, paths)
            for name, internals in self._internals.items()
            if internals.lists
        }
        digest = blake3(msgspec.json.encode([self.digest, *offered.values()])).hexdigest()
        return Catalogue(digest, self.classes | offered, self._internals)

    def file_inputs(self, class_type: str) -> tuple[str, ...]:
        """The inputs of a class that name files; none of an unknown class."""
        if class_type not in self.classes:
            return ()
        definition = json.loads(bytes(self.classes[class_type]))
        changes = json.loads(bytes(self._internals[class_type].changes))
        return NodeDefinition.from_json(class_type, definition | {"changes": changes}).file_inputs


def catalogue_of(queue: QueueClient) -> Momentary[Catalogue]:
    """The current version; asking raises `Unavailable` while no executor has published its node classes, or the queue
    cannot be reached."""

    async def ask(known: Catalogue | None) -> Catalogue:
        digest, definitions_json = await queue.catalogue(known.digest if known else "")
        if known is not None and (definitions_json is None or digest == known.digest):
            return known
        return await asyncio.to_thread(Catalogue.parse, digest, definitions_json or b"{}")

    return Momentary(ask)
