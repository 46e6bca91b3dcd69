"""One watcher's buffer: bounded, and what must not be lost outlives what may be."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

from services.errors import ResourceExhausted, ServiceError
from services.graph.events import NodeFinished, NodePreview, NodeProgress
from services.queue.logs import LogLines
from services.queue.packs import PackMessage, TextMessage
from services.queue.records import Event

#: Seconds that progress and previews wait for company, so that many events travel in one message.
FLUSH_INTERVAL = 0.025

#: A watcher may lag behind by this many events, and by this many bytes.
MAX_EVENTS = 1000
MAX_BYTES = 16 << 20

#: Bytes in one batch, well below what a gRPC message may have; a single larger event travels alone.
BATCH_BYTES = 4 << 20

#: What an event weighs apart from its pictures and outputs, in bytes.
_BASE_BYTES = 200


class Watcher:
    """Takes events as they happen and gives them out in batches."""

    def __init__(self, prompt_id: str | None, *, previews: bool) -> None:
        #: None for all prompts
        self.prompt_id = prompt_id
        self.previews = previews
        #: of the last durable event that it took, or was told otherwise
        self.sequence = 0
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()
        self._error: ServiceError | None = None
        self._flush: asyncio.TimerHandle | None = None

    def push(self, event: Event) -> None:
        """Take an event; durable ones are given out at once, others after a moment."""
        if self._error is not None or (isinstance(event.body, NodePreview) and not self.previews):
            return
        self._events.append(event)
        self._bytes += _weight(event)
        if self._is_full():
            self._make_room()
        if event.is_durable:
            self.sequence = max(self.sequence, event.sequence)
            self._ready.set()
        elif self._flush is None and not self._ready.is_set():
            self._flush = asyncio.get_running_loop().call_later(FLUSH_INTERVAL, self._ready.set)

    def end(self, error: ServiceError) -> None:
        """Give out what is there, then raise."""
        self._error = self._error or error
        self._ready.set()

    async def batches(self) -> AsyncIterator[list[Event]]:
        """What happens, for as long as somebody iterates.

        Raises:
            ResourceExhausted: the reader is so slow that durable events alone overflow the buffer.
            Unavailable: the queue is shutting down.
        """
        while True:
            await self._ready.wait()
            batch = self.take()
            if batch:
                yield batch
            elif self._error is not None:
                raise self._error

    def take(self) -> list[Event]:
        """The events that are there, as many as fit into a batch."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        batch = next(portions(self._events))
        for event in batch:
            self._events.popleft()
            self._bytes -= _weight(event)
        if not self._events and self._error is None:
            self._ready.clear()
        return batch

    def _is_full(self) -> bool:
        return len(self._events) > 1 and (len(self._events) > MAX_EVENTS or self._bytes > MAX_BYTES)

    def _make_room(self) -> None:
        for droppable in (_is_glimpse, _is_progress, _is_not_durable):
            self._drop(droppable)
            if not self._is_full():
                return
        self._drop(lambda event: True)
        self.end(ResourceExhausted("the watcher reads too slowly; resume from the last sequence number it saw"))

    def _drop(self, droppable: Callable[[Event], bool]) -> None:
        self._events = deque(event for event in self._events if not droppable(event))
        self._bytes = sum(map(_weight, self._events))


def portions(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Events in batches that fit into a message; at least one batch, which may be empty."""
    batch: list[Event] = []
    size = 0
    for event in events:
        if batch and size + _weight(event) > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += _weight(event)
    yield batch


def _is_glimpse(event: Event) -> bool:
    return isinstance(event.body, NodePreview) and event.body.provisional


def _is_progress(event: Event) -> bool:
    return isinstance(event.body, NodeProgress)


def _is_not_durable(event: Event) -> bool:
    return not event.is_durable


def _weight(event: Event) -> int:
    body = event.body
    if isinstance(body, NodePreview):
        return _BASE_BYTES + len(body.data)
    if isinstance(body, NodeFinished):
        return _BASE_BYTES + len(body.output_json)
    if isinstance(body, PackMessage):
        return _BASE_BYTES + len(body.body.data_json if isinstance(body.body, TextMessage) else body.body.data)
    if isinstance(body, LogLines):
        return _BASE_BYTES + sum(len(line.text) for line in body.lines)
    return _BASE_BYTES
