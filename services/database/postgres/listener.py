"""Being woken by what others commit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from services.database.postgres.address import Address
from services.database.postgres.connection import FAILURES, Connection, connect
from services.errors import ServiceError

log = logging.getLogger(__name__)

#: Seconds after which a wake-up comes anyway: one may be lost with a connection, or in a pooler.
POLL = 2.0

#: Seconds that the connection may take to answer.
ANSWER_TIMEOUT = 10.0


class Listener:
    """Calls `woken` on the event loop when somebody else notified a channel, and now and then in any case.

    Wake-ups say that something may have changed, not what. A payload tells the notifications of this process, which
    are passed over, from those of others. The connection is made again whenever it breaks.
    """

    def __init__(self, address: Address, channel: str, own_payload: str, woken: Callable[[], None]) -> None:
        self._address = address
        self._channel = channel
        self._own_payload = own_payload
        self._woken = woken
        self._task = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Listen no more."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _listen(self) -> None:
        failing = False
        while True:
            try:
                connection = await connect(self._address)
                try:
                    await connection.add_listener(self._channel, self._notified)
                    failing = False
                    await self._watch(connection)
                finally:
                    connection.terminate()
            except (ServiceError, *FAILURES) as error:
                if not failing:
                    log.warning("no wake-ups from other replicas until the database answers: %s", error)
                failing = True
                await asyncio.sleep(POLL)

    async def _watch(self, connection: Connection) -> None:
        """Return when the connection has ended."""
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _: ended.set())
        while not ended.is_set():
            self._woken()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), POLL)
            if not ended.is_set():
                await connection.execute("SELECT 1", timeout=ANSWER_TIMEOUT)

    def _notified(self, connection: object, pid: int, channel: str, payload: object) -> None:
        if payload != self._own_payload:
            self._woken()
