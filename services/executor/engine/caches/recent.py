"""Remembers what was used last, across prompts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection

import msgspec

from services.executor.engine.results import NodeResult
from services.graph.signature import Signature

#: Whether something has to be forgotten, given how many results there are.
TooMuch = Callable[[int], bool]


class _Entry(msgspec.Struct):
    result: NodeResult
    #: the run in which it was last used
    run: int


class RecentCache:
    """Keeps what the running prompt uses, and of earlier prompts what was used last, for as long as there is room."""

    keeps = True

    def __init__(self, too_much: TooMuch) -> None:
        self._too_much = too_much
        self._entries: OrderedDict[Signature, _Entry] = OrderedDict()
        self._run = 0

    def keys(self) -> list[Signature]:
        """Of which nodes there are results, the one used longest ago first."""
        return list(self._entries)

    def begin(self, referenced: Collection[Signature], node_ids: Collection[str]) -> None:
        self._run += 1
        for signature in referenced:
            self.get(signature)
        self._forget()

    def get(self, signature: Signature, owner: str = "") -> NodeResult | None:
        entry = self._entries.get(signature)
        if entry is None:
            return None
        entry.run = self._run
        self._entries.move_to_end(signature)
        return entry.result

    def put(self, signature: Signature, result: NodeResult, owner: str = "") -> None:
        self._entries[signature] = _Entry(result, self._run)
        self._entries.move_to_end(signature)
        self._forget()

    def clear(self) -> None:
        self._entries.clear()

    def _forget(self) -> None:
        """Forget what was used longest ago; the run holds its own results anyway, so they are no use to forget."""
        while (
            self._entries and next(iter(self._entries.values())).run < self._run and self._too_much(len(self._entries))
        ):
            self._entries.popitem(last=False)
