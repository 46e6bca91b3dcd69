"""What a transaction is going to change, gathered until it is written by one statement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from services.database.postgres import Connection
from services.queue.life import Life, Step
from services.queue.records import PromptState
from services.queue.stores import rows
from services.queue.stores.postgres.sql import SQL

_OPEN = frozenset({PromptState.PENDING, PromptState.RUNNING})

#: The columns of arrays of the statement `write`.
_CHANGED, _EVENTS, _SHARES, _VIRTUAL_TIMES, _TALLIES = 12, 5, 4, 2, 2


class Changes:
    """The lives that changed, their events, and what is counted along with them."""

    def __init__(self, open_prompts: int) -> None:
        #: of rows that are locked, as they will be
        self.lives: dict[int, Life] = {}
        #: the rows that will be another than they are
        self.changed: set[int] = set()
        #: the rows of prompts that end
        self.ended: list[int] = []
        #: whether watchers have something to hear
        self.has_events = False
        self._open_prompts = open_prompts
        self._events: list[rows.Row] = []
        self._tallies: Counter[PromptState] = Counter()
        self._virtual_times: dict[int, float] = {}
        self._shares: dict[tuple[int, str], tuple[float, float]] = {}

    def keep(self, row: int, step: Step) -> Step:
        """Take a step of a locked row: stamped, as it will be kept."""
        if step.before is not None:
            self.changed.add(row)
        if step.is_end:
            self.ended.append(row)
        self._count(step.before, step.life.state)
        self.lives[row] = step.life
        stamped = step.stamped(self._open_prompts) if step.events else step
        self._events += [(row, *rows.event_columns(event)) for event in stamped.events if event.is_durable]
        self.has_events = self.has_events or bool(step.events)
        return stamped

    def advance_virtual_time(self, priority: int, tag: float) -> None:
        """A prompt with this tag was claimed."""
        self._virtual_times[priority] = max(tag, self._virtual_times.get(priority, tag))

    def advance_user(self, user: tuple[int, str], finish: float, advance: float) -> None:
        """A user stands further on, by that much, than before the transaction."""
        self._shares[user] = finish, advance

    async def write(self, connection: Connection, shard: int) -> str | None:
        """Write everything; the transaction's id, or None when there was nothing."""
        if not self.changed and not self._events:
            return None
        changed = [(row, *rows.changing_columns(self.lives[row])) for row in sorted(self.changed)]
        shares = [(*user, *standing) for user, standing in self._shares.items()]
        tallies = [(state.value, change) for state, change in self._tallies.items() if change]
        transaction: str = await connection.fetchval(
            SQL["write"],
            *columns(changed, _CHANGED),
            *columns(self._events, _EVENTS),
            *columns(shares, _SHARES),
            *columns(self._virtual_times.items(), _VIRTUAL_TIMES),
            shard,
            *columns(tallies, _TALLIES),
        )
        return transaction

    def _count(self, before: PromptState | None, after: PromptState) -> None:
        if before is after:
            return
        self._tallies[after] += 1
        self._open_prompts += after in _OPEN
        if before is not None:
            self._tallies[before] -= 1
            self._open_prompts -= before in _OPEN


def columns(table: Iterable[Sequence[object]], width: int) -> list[Sequence[object]]:
    """A table of rows as a list of columns, also when it has no rows."""
    return list(zip(*table, strict=True)) or [()] * width
