"""Which prompts a page of `QueueStore.list` holds, said in terms of one order at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from services.queue.records import PromptState

_OPEN = (PromptState.PENDING, PromptState.RUNNING)
_FINISHED = frozenset(state for state in PromptState if state.is_terminal)


class Stretch(NamedTuple):
    """Neighbours in the order of prompts that wait, of those that run, or of those that have finished."""

    states: frozenset[PromptState]
    #: the place of the first, and that after the last
    begin: int
    end: int
    #: how many there are in these states
    size: int

    @property
    def state(self) -> PromptState | None:
        """Pending or running; None for those that have finished."""
        return next((state for state in _OPEN if state in self.states), None)

    @property
    def is_of_all_finished(self) -> bool:
        """Whether nobody who has finished is left out."""
        return self.states == _FINISHED

    @property
    def is_nearer_to_the_end(self) -> bool:
        """Whether they are sooner found from the end of the order."""
        return self.begin > self.size - self.end


def stretches(
    counts: Mapping[PromptState, int], states: Collection[PromptState], *, limit: int, offset: int, from_end: bool
) -> tuple[list[Stretch], int]:
    """What a page consists of, one after another, and how many prompts there are in these states."""
    groups = [frozenset({state}) for state in _OPEN if state in states]
    groups.append(_FINISHED.intersection(states))
    sizes = [sum(counts.get(state, 0) for state in group) for group in groups]
    total = sum(sizes)
    start = max(offset, total - limit) if from_end and limit else offset
    stop = min(total, start + limit) if limit else total
    found: list[Stretch] = []
    first = 0
    for group, size in zip(groups, sizes, strict=True):
        begin, end = max(start - first, 0), min(stop - first, size)
        if begin < end:
            found.append(Stretch(group, begin, end, size))
        first += size
    return found, total
