"""What waits, counted by what it needs and whose it is, as the committed steps tell of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from services.queue.life import Step
from services.queue.records import PromptState
from services.queue.stores.base import Waiting


class Backlog:
    """The prompts that wait."""

    def __init__(self) -> None:
        #: prompts by user, by placement
        self._waiting: dict[int, Counter[str]] = {}
        self._users: Counter[str] = Counter()
        #: in all
        self.total = 0
        #: counts up with every change
        self.version = 0

    def placements(self, without: Collection[str] = ()) -> Collection[int]:
        """What the waiting ones need, see `services.graph.requirements.Requirement.placement`.

        `without` has users whose prompts do not count.
        """
        if not without:
            return self._waiting.keys()
        return [placement for placement, users in self._waiting.items() if any(user not in without for user in users)]

    def users(self) -> Collection[str]:
        """Who has any."""
        return self._users.keys()

    def of_user(self, user_id: str) -> int:
        """How many a user has."""
        return self._users[user_id]

    def see(self, step: Step) -> None:
        """Take note of a committed step."""
        waits, waited = step.life.state is PromptState.PENDING, step.before is PromptState.PENDING
        if waits is not waited:
            self._add(step.life.placement, step.life.user_id, 1 if waits else -1)

    def reset(self, waiting: Iterable[Waiting]) -> None:
        """Take what the store says instead of what is known."""
        self._waiting.clear()
        self._users.clear()
        self.total = 0
        for counted in waiting:
            self._add(counted.placement, counted.user_id, counted.prompts)

    def drop(self, placements: Iterable[int], users: Collection[str] | None) -> None:
        """Take note that nothing waits that needs these, of these users (None for all)."""
        for placement in placements:
            for user_id, prompts in list(self._waiting.get(placement, {}).items()):
                if users is None or user_id in users:
                    self._add(placement, user_id, -prompts)

    def _add(self, placement: int, user_id: str, prompts: int) -> None:
        users = self._waiting.setdefault(placement, Counter())
        users[user_id] += prompts
        self._users[user_id] += prompts
        self.total += prompts
        self.version += 1
        if not users[user_id]:
            del users[user_id]
        if not users:
            del self._waiting[placement]
        if not self._users[user_id]:
            del self._users[user_id]
