"""Something that costs the more the more there are to hear it, at once when it is rare, and seldom when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

#: Frames for which there is credit after a while of silence, and that are earned in a second.
BURST = 2000.0
RATE = 1000.0


class Pace:
    """Does what it was made with when it is asked to, now or a little later, once for all that asked meanwhile."""

    def __init__(self, act: Callable[[], int]) -> None:
        """`act` answers with the number of frames that it took."""
        self._act = act
        self._credit = BURST
        self._at = 0.0
        self._due: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Something is to be told."""
        if self._due is not None:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._credit = min(BURST, self._credit + (now - self._at) * RATE)
        self._at = now
        if self._credit > 0:
            self._credit -= self._act()
        else:
            self._due = loop.call_later(-self._credit / RATE, self._again)

    def _again(self) -> None:
        self._due = None
        self.ask()
