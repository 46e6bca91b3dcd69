"""Which of the prompts that come first is claimed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.queue.stores.base import Choice


class Candidate(NamedTuple):
    """A waiting prompt as far as it matters here."""

    priority: int
    placement: int
    #: times that a later one was preferred
    passed_over: int


def pick(candidates: Sequence[Candidate], choice: Choice) -> int:
    """The index of the one to claim, of those that come first in order; those before it are passed over.

    That is the first one which is warm, unless it has a lower priority than the first of all or one before it has been
    passed over as often as is allowed; else the first of all.
    """
    for index, candidate in enumerate(candidates):
        if candidate.priority != candidates[0].priority:
            break
        if candidate.placement in choice.warm:
            return index
        if candidate.passed_over >= choice.window:
            break
    return 0
