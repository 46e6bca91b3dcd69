"""The latest lines of everybody's log, and who follows them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from services.queue.logs import LogFollowers, LogLine, LogLines, cut

#: Lines that are remembered, and their characters in all, which fit into one message.
MAX_LINES = 2000
MAX_CHARACTERS = 1 << 19

#: Clients that may follow; the one that came first gives way.
MAX_FOLLOWERS = 256


class LogBook:
    """The latest lines of everybody, and the clients that follow them; nothing of it outlives the process."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque()
        self._characters = 0
        self._followers: dict[str, None] = {}

    def write(self, lines: Iterable[LogLine]) -> LogLines:
        """Remember lines, at the cost of the oldest ones; answers them as they are remembered."""
        written = LogLines(tuple(map(cut, lines)))
        for line in written.lines:
            self._lines.append(line)
            self._characters += len(line.text)
        while len(self._lines) > MAX_LINES or self._characters > MAX_CHARACTERS:
            self._characters -= len(self._lines.popleft().text)
        return written

    def read(self, prompt_id: str = "") -> list[LogLine]:
        """The lines of one prompt, or of all (empty id), oldest first."""
        return [line for line in self._lines if not prompt_id or line.prompt_id == prompt_id]

    def follow(self, client_id: str, enabled: bool) -> bool:
        """Let a client follow, or no longer; whether that changed anything."""
        if enabled is (client_id in self._followers):
            return False
        if enabled:
            self._followers[client_id] = None
            if len(self._followers) > MAX_FOLLOWERS:
                del self._followers[next(iter(self._followers))]
        else:
            del self._followers[client_id]
        return True

    @property
    def followers(self) -> LogFollowers:
        """Who follows now."""
        return LogFollowers(tuple(self._followers))
