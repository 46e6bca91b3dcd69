"""Being asked to end: once means in order, twice means at once."""

from __future__ import annotations

import asyncio


class Stop(asyncio.Event):
    """Set when a process is asked to end."""

    def __init__(self) -> None:
        super().__init__()
        #: set when it is asked once more
        self.at_once = asyncio.Event()

    def ask(self) -> None:
        """Ask it to end, or to end at once where it has been asked before."""
        if self.is_set():
            self.at_once.set()
        self.set()
