"""One stream to one replica of the queue, dialled anew whenever it breaks."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Protocol

from services.errors import ServiceError
from services.executor.outbox import Outbox
from services.queue.work import ExecutorMessage, Hello, QueueMessage, Welcome

log = logging.getLogger(__name__)

#: Seconds between attempts to reach the replica; doubled up to the longest.
FIRST_BACKOFF = 0.2
LONGEST_BACKOFF = 5.0


class Replica(Protocol):
    """What is needed of a replica of the queue."""

    @property
    def address(self) -> str:
        """Its name."""
        ...

    def work(self, messages: AsyncIterator[ExecutorMessage]) -> AsyncGenerator[QueueMessage, None]:
        """Open the Work stream."""
        ...


class Owner(Protocol):
    """Who has the link, and acts on what it brings."""

    def greeting(self, link: Link) -> Hello:
        """First on a new stream."""
        ...

    async def welcomed(self, link: Link, welcome: Welcome) -> None:
        """The stream is open."""
        ...

    async def obey(self, link: Link, message: QueueMessage) -> None:
        """The queue wants something."""
        ...

    async def broke(self, link: Link) -> None:
        """The stream is not open, or no longer."""
        ...


class Link:
    """What is said to one replica waits in its outbox while the stream is broken."""

    def __init__(self, replica: Replica, owner: Owner) -> None:
        self._replica = replica
        self._owner = owner
        self.outbox = Outbox()
        #: by our monotonic clock, in seconds, since when the stream is open; None while it is not
        self.connected_since: float | None = None
        #: whether it is known if the replica can be reached
        self.has_tried = False
        #: digest of the catalogue that the greeting told of
        self.greeted_with = ""
        #: whether the stream is to be dialled anew when it breaks
        self.is_wanted = True
        self._closing = asyncio.Event()

    @property
    def address(self) -> str:
        """Of the replica."""
        return self._replica.address

    @property
    def is_connected(self) -> bool:
        """Whether the queue has answered, and the stream has not broken since."""
        return self.connected_since is not None

    def hang_up(self) -> None:
        """End the stream without losing what is under way in either direction; then it is dialled anew."""
        self.outbox.close()

    def close(self) -> None:
        """End the stream in this way when everything has been said, and dial no more."""
        self.is_wanted = False
        self._closing.set()
        self.outbox.close()

    async def keep(self) -> None:
        """Stay connected for as long as the link is wanted."""
        backoff = FIRST_BACKOFF
        outage = logging.INFO  # that the queue is not there yet is no cause for alarm
        while self.is_wanted:
            began = time.monotonic()
            try:
                async with aclosing(self._replica.work(self._messages())) as stream:
                    async for message in stream:
                        outage = logging.WARNING
                        await self._take(message)
            except ServiceError as error:
                log.log(outage, "no stream to the queue at %s, trying again: %s", self.address, error.message)
                outage = logging.DEBUG  # one line for each outage
            except asyncio.CancelledError:
                # gRPC cancels its own call, and with it whoever reads, when a message cannot be sent.
                if asyncio.current_task().cancelling():  # type: ignore[union-attr]
                    raise
                log.exception("the stream to the queue broke over a message")
            finally:
                self.connected_since = None
                self.has_tried = True
                await self._owner.broke(self)
            if self.is_wanted:
                backoff = FIRST_BACKOFF if time.monotonic() - began > LONGEST_BACKOFF else backoff
                with suppress(TimeoutError):
                    async with asyncio.timeout(backoff * random.uniform(0.5, 1.0)):
                        await self._closing.wait()
                backoff = min(2 * backoff, LONGEST_BACKOFF)

    async def _messages(self) -> AsyncIterator[ExecutorMessage]:
        if not self._closing.is_set():
            self.outbox.reopen()
        yield self._owner.greeting(self)
        async for message in self.outbox.messages():
            yield message

    async def _take(self, message: QueueMessage) -> None:
        if isinstance(message, Welcome):
            self.connected_since = time.monotonic()
            self.has_tried = True
            await self._owner.welcomed(self, message)
        else:
            await self._owner.obey(self, message)
