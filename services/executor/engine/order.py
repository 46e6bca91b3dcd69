"""In which order nodes run: after what they need, and those first whose result somebody waits to see."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from services.graph.traversal import Ancestry, Sources

#: Nodes this far or farther from an output are all alike.
_FAR = 3


class DependencyCycleError(Exception):
    """Nodes depend on each other, so that none of them can be the first to run."""

    def __init__(self, cycle: list[str]) -> None:
        super().__init__(f"dependency cycle: {' -> '.join([*cycle, cycle[0]])}")
        self.cycle = cycle


class Schedule:
    """The nodes that must run, and in which order.

    Of the nodes that could run, outputs come first, then what leads to an output in one step, then in two, so that
    pictures appear as soon as they can; the rest in the order in which a walk from the outputs finds them. Eager nodes,
    which go on by themselves once they have begun, are as urgent as outputs. More nodes may be required, and nodes made
    to wait for more, while others run.
    """

    def __init__(
        self, sources: Sources, is_done: Callable[[str], bool], is_eager: Callable[[str], bool] = lambda node_id: False
    ) -> None:
        self._sources = sources
        self._is_done = is_done
        self._is_eager = is_eager
        self._positions: dict[str, int] = {}
        self._distances: dict[str, int] = {}
        self._missing: dict[str, set[str]] = {}
        self._dependants: dict[str, list[str]] = {}
        #: what each node that is not done takes something from, done or not, and the other way round
        self._needs: dict[str, set[str]] = {}
        self._users: dict[str, set[str]] = {}
        self._ready: list[tuple[int, int, str]] = []

    def require_outputs(self, node_ids: Iterable[str]) -> None:
        """Run these, and first all that they need.

        Raises:
            DependencyCycleError: some of what they need depends on itself.
        """
        self._require(dict.fromkeys(node_ids, 0))

    def wait_for(self, node_id: str, source_ids: Iterable[str]) -> None:
        """Let a picked node be picked again, after nodes that it turned out to need.

        Raises:
            DependencyCycleError: what it needs depends on itself.
        """
        sources = list(source_ids)
        self._require(dict.fromkeys(sources, self._distances[node_id] + 1))
        for source in sources:
            self._add_dependency(node_id, source)
        self._queue_if_ready(node_id)

    def raise_if_stuck(self) -> None:
        """Call this when nothing can run and nothing is running.

        Raises:
            DependencyCycleError: nodes still wait, so they wait for each other.
        """
        if cycles := Ancestry(self._missing, lambda node_id: sorted(self._missing.get(node_id, ()))).cycles:
            raise DependencyCycleError(cycles[0])

    def pick(self) -> str | None:
        """The node to run next; None when nothing can run."""
        return heapq.heappop(self._ready)[2] if self._ready else None

    def complete(self, node_id: str) -> list[str]:
        """The picked node is done: what waited for it may run. Answers with what nobody needs any more, as it seems."""
        del self._missing[node_id]
        for dependant in self._dependants.pop(node_id, ()):
            self._missing[dependant].discard(node_id)
            self._queue_if_ready(dependant)
        unused = [] if node_id in self._users else [node_id]
        for source in sorted(self._needs.pop(node_id, ())):
            self._users[source].discard(node_id)
            if not self._users[source]:
                del self._users[source]
                unused.append(source)
        return unused

    def forget(self, node_id: str) -> None:
        """The result of a node that was done is gone: should it be needed again, the node runs again."""
        self._positions.pop(node_id, None)
        self._distances.pop(node_id, None)

    def _require(self, distances: Mapping[str, int]) -> None:
        walk = Ancestry(filter(self._is_new, distances), lambda node_id: filter(self._is_new, self._sources(node_id)))
        if walk.cycles:
            raise DependencyCycleError(walk.cycles[0])
        self._measure(distances)
        for node_id in walk.order:
            self._positions[node_id] = len(self._positions)
            self._missing[node_id] = set()
            for source in self._sources(node_id):
                self._add_dependency(node_id, source)
            self._queue_if_ready(node_id)

    def _is_new(self, node_id: str) -> bool:
        return node_id not in self._positions and not self._is_done(node_id)

    def _measure(self, starts: Mapping[str, int]) -> None:
        """Note how far the new nodes are from an output."""
        pending = deque(starts.items())
        while pending:
            node_id, distance = pending.popleft()
            distance = min(distance, _FAR)
            if not self._is_new(node_id) or self._distances.get(node_id, _FAR + 1) <= distance:
                continue
            self._distances[node_id] = distance
            pending.extend((source, distance + 1) for source in self._sources(node_id))

    def _add_dependency(self, node_id: str, source_id: str) -> None:
        self._needs.setdefault(node_id, set()).add(source_id)
        self._users.setdefault(source_id, set()).add(node_id)
        if self._is_done(source_id) or source_id in self._missing[node_id]:
            return
        self._missing[node_id].add(source_id)
        self._dependants.setdefault(source_id, []).append(node_id)

    def _queue_if_ready(self, node_id: str) -> None:
        if not self._missing[node_id]:
            distance = 0 if self._is_eager(node_id) else self._distances[node_id]
            heapq.heappush(self._ready, (distance, self._positions[node_id], node_id))
