"""Walks over a graph along its links, without recursion: a chain may have any length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

#: The ids of the nodes that a node takes something from.
Sources = Callable[[str], Iterable[str]]


class Ancestry:
    """The nodes that some outputs depend on.

    `order` has every node after those it takes something from, as far as cycles allow, and follows nothing but the
    order of `outputs` and `sources`. `cycles` has the nodes of cycles in the direction of the data: at least one of
    every group of nodes that depend on each other, and no node twice, so that its size is linear.
    """

    def __init__(self, outputs: Iterable[str], sources: Sources) -> None:
        self.order: list[str] = []
        self.cycles: list[list[str]] = []
        self._sources = sources
        self._stack: list[str] = []
        self._depths: dict[str, int] = {}
        self._done: set[str] = set()
        self._in_cycles: set[str] = set()
        for output in outputs:
            if output not in self._done:
                self._walk(output)

    def _walk(self, start: str) -> None:
        pending: list[Iterator[str]] = [self._enter(start)]
        while pending:
            source = next(pending[-1], None)
            if source is None:
                pending.pop()
                self._leave()
            elif source in self._depths:
                self._note_cycle(source)
            elif source not in self._done:
                pending.append(self._enter(source))

    def _enter(self, node_id: str) -> Iterator[str]:
        self._depths[node_id] = len(self._stack)
        self._stack.append(node_id)
        return iter(self._sources(node_id))

    def _leave(self) -> None:
        node_id = self._stack.pop()
        del self._depths[node_id]
        self._done.add(node_id)
        self.order.append(node_id)

    def _note_cycle(self, source: str) -> None:
        if source in self._in_cycles or self._stack[-1] in self._in_cycles:
            return
        cycle = self._stack[self._depths[source] :][::-1]
        self.cycles.append(cycle)
        self._in_cycles.update(cycle)
