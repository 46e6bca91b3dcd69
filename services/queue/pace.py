"""How fast waiting prompts get their turn, of each user and of all: when somebody who was refused may try again."""

from __future__ import annotations

from collections import deque

from services.queue.clock import Clock
from services.queue.life import Step
from services.queue.records import PromptState

#: The latest turns of a user that are remembered, and of how many users.
TURNS = 32
USERS = 1000

#: Seconds to wait when nothing is known, and the least and the most that anybody is told.
UNKNOWN = 10.0
SHORTEST, LONGEST = 1.0, 600.0


class Pace:
    """Counts prompts that cease to wait, as the committed steps tell of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all: deque[float] = deque(maxlen=TURNS)
        self._of_user: dict[str, deque[float]] = {}

    def see(self, step: Step) -> None:
        """Take note of a committed step."""
        if step.before is not PromptState.PENDING or step.life.state is PromptState.PENDING:
            return
        now, user_id = self._clock.monotonic(), step.life.user_id
        self._all.append(now)
        turns = self._of_user.pop(user_id, None) or deque(maxlen=TURNS)
        turns.append(now)
        self._of_user[user_id] = turns
        if len(self._of_user) > USERS:
            del self._of_user[next(iter(self._of_user))]

    def of_user(self, user_id: str) -> float:
        """Seconds between turns of a user, lately."""
        return self._between(self._of_user.get(user_id, deque()))

    def of_all(self) -> float:
        """Seconds between turns, lately."""
        return self._between(self._all)

    def _between(self, turns: deque[float]) -> float:
        if not turns:
            return UNKNOWN
        return min(max((self._clock.monotonic() - turns[0]) / len(turns), SHORTEST), LONGEST)
