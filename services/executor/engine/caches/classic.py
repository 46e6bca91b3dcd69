"""Remembers the last prompt."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from services.executor.engine.results import NodeResult
from services.graph.signature import Signature


class _Entry(msgspec.Struct):
    result: NodeResult
    #: of a node that another one made: that one, and the run in which it last made this
    owner: str
    run: int


class ClassicCache:
    """Keeps what the last prompt refers to, with what its nodes made when they last ran, and nothing else."""

    keeps = True

    def __init__(self) -> None:
        self._entries: dict[Signature, _Entry] = {}
        self._run = 0
        #: the last run in which a node made others
        self._last_made: dict[str, int] = {}

    def begin(self, referenced: Collection[Signature], node_ids: Collection[str]) -> None:
        wanted = frozenset(referenced)
        self._last_made = {owner: run for owner, run in self._last_made.items() if owner in node_ids}
        self._entries = {
            key: entry
            for key, entry in self._entries.items()
            if key in wanted or (entry.owner and self._last_made.get(entry.owner) == entry.run)
        }
        self._run += 1

    def get(self, signature: Signature, owner: str = "") -> NodeResult | None:
        entry = self._entries.get(signature)
        if entry is None:
            return None
        if owner:
            self._made(entry, owner)
        return entry.result

    def put(self, signature: Signature, result: NodeResult, owner: str = "") -> None:
        self._entries[signature] = entry = _Entry(result, "", self._run)
        if owner:
            self._made(entry, owner)

    def _made(self, entry: _Entry, owner: str) -> None:
        entry.owner, entry.run = owner, self._run
        self._last_made[owner] = self._run

    def clear(self) -> None:
        self._entries.clear()
        self._last_made.clear()
