"""How many prompts each user has, where users see nothing of each other's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from services.errors import ServiceError

log = logging.getLogger(__name__)

#: Seconds in which what changes is told once.
PAUSE = 0.1

#: Users whose prompts are counted at once.
AT_ONCE = 16


def user_of(address: str) -> str:
    """Whose the client at an address is: addresses are `USER/CLIENT` there (see `services.gateway.users`)."""
    return address.partition("/")[0]


class Tallies:
    """Asks for the numbers of users who have sockets open, and tells them, when something has changed."""

    def __init__(self, count: Callable[[str], Awaitable[int]]) -> None:
        """`count` is how many prompts of a user wait or run."""
        self._count = count
        self._changed: dict[str, None] = {}
        self._wake_up = asyncio.Event()
        #: who is told; the hub
        self.tell: Callable[[str, int], None] = lambda user, remaining: None

    def change(self, user: str) -> None:
        """Take note that a user may have more prompts, or fewer."""
        self._changed[user] = None
        self._wake_up.set()

    async def run(self) -> None:
        """Count and tell until cancelled."""
        while True:
            await self._wake_up.wait()
            self._wake_up.clear()
            users = list(self._changed)
            self._changed.clear()
            for start in range(0, len(users), AT_ONCE):
                await asyncio.gather(*map(self._recount, users[start : start + AT_ONCE]))
            await asyncio.sleep(PAUSE)

    async def _recount(self, user: str) -> None:
        try:
            self.tell(user, await self._count(user))
        except ServiceError as error:
            log.warning("the prompts of a user cannot be counted, trying again: %s", error.message)
            self.change(user)
