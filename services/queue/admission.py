"""Letting prompts wait, as many as there may be: of a user, and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from services.errors import ResourceExhausted
from services.queue.backlog import Backlog
from services.queue.life import Step
from services.queue.pace import Pace
from services.queue.quotas import Quotas

#: Why a submission was refused for which there is no room.
QUEUE_FULL = "queue_full"


class Admission:
    """Counts those that wait and those on their way there, so that not one too many gets in at the same time.

    Other replicas of the queue let prompts in as well: together they may exceed a limit by what they let in within the
    second that it takes to see it.
    """

    def __init__(self, backlog: Backlog, quotas: Quotas, pace: Pace) -> None:
        self._backlog = backlog
        self._quotas = quotas
        self._pace = pace
        self._coming: Counter[str] = Counter()

    def see(self, step: Step) -> None:
        """Take note of a committed step."""
        self._pace.see(step)

    @contextmanager
    def place(self, user_id: str) -> Iterator[None]:
        """Hold a place for a prompt of a user while it is added.

        Raises:
            ResourceExhausted: too many wait; says when to try again.
        """
        self._check(user_id)
        self._coming[user_id] += 1
        try:
            yield
        finally:
            self._coming[user_id] -= 1
            if not self._coming[user_id]:
                del self._coming[user_id]

    def _check(self, user_id: str) -> None:
        allowed = self._quotas.max_waiting(user_id)
        if allowed and self._backlog.of_user(user_id) + self._coming[user_id] >= allowed:
            whose = f"{allowed} prompts of user {user_id!r}" if user_id else f"{allowed} prompts"
            raise _full(f"{whose} wait already, which is as many as may", self._pace.of_user(user_id))
        allowed = self._quotas.defaults.max_waiting
        if allowed and self._backlog.total + self._coming.total() >= allowed:
            raise _full(f"{allowed} prompts wait already, which is as many as may", self._pace.of_all())


def _full(message: str, retry_after: float) -> ResourceExhausted:
    return ResourceExhausted(f"{message}; try again in {retry_after:.0f} s", reason=QUEUE_FULL, retry_after=retry_after)
