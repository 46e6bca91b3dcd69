"""What the executor still has to tell the queue, in the order it happened."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator

from services.graph.events import (
    NodeFinished,
    NodePreview,
    NodeProgress,
    Terminal,
    is_durable,
    is_superseded_by_the_next,
)
from services.queue.logs import LogLine, LogLines
from services.queue.packs import PackMessage
from services.queue.records import Lease
from services.queue.work import EventBatch, ExecutorMessage, Heartbeat, LeaseRelease, TimedEvent

#: Seconds that events wait for company. What only pictures progress waits longest; a terminal event waits for nothing.
PROGRESS_DELAY = 0.025
DURABLE_DELAY = 0.02

#: Seconds in which the picture that belongs to a report of progress follows it, if there is one.
PICTURE_DELAY = 0.002

#: Bytes of pictures and outputs in one message, unless a single event holds more.
BATCH_BYTES = 4 << 20

#: Events in one message: who watches takes a thousand at once, and fewer when others come as well.
BATCH_EVENTS = 250

#: How many reports of each kind and node wait: a node that reports now and then loses none.
KEPT_REPORTS = 8

#: Lines of the log that wait, while the queue is away or a node writes more than anybody reads, and their characters,
#: which fit into one message; the latest stay. So many seconds they wait for company.
KEPT_LINES = 1000
KEPT_CHARACTERS = 1 << 19
LINES_DELAY = 0.05

#: How many ended leases are remembered; more than are under way in a stream when it breaks.
ENDED_LEASES = 8


class Outbox:
    """Messages and events on their way up; they wait here while the stream is broken.

    Of progress and glimpses only the latest few of each node are kept, so that what waits stays small however long.
    Whether the queue heard what was sent just before a stream broke, nobody knows: durable events and releases are
    sent again on the next one, and the queue passes over what it has.
    """

    def __init__(self) -> None:
        self._messages: deque[ExecutorMessage] = deque()
        self._events: dict[Lease, list[TimedEvent]] = {}
        #: the durable events of each lease that were sent
        self._durable: dict[Lease, list[TimedEvent]] = {}
        #: leases whose end was sent, with the release of those that were given back
        self._ended: dict[Lease, LeaseRelease | None] = {}
        self._due_at = float("inf")
        self._lines: deque[LogLine] = deque()
        self._characters = 0
        self._lines_due_at = float("inf")
        self._reported_at = float("-inf")
        self._wake = asyncio.Event()
        self._reader = 0
        self._closed = False

    def say(self, message: ExecutorMessage) -> None:
        """Send a message, after the events reported before it."""
        self._flush()
        self._messages.append(message)
        self._wake.set()

    def report(self, lease: Lease, event: TimedEvent) -> None:
        """Send an event, soon."""
        waiting = self._events.setdefault(lease, [])
        _drop_outdated(waiting, event)
        waiting.append(event)
        if isinstance(event.event, Terminal):
            self._flush()
            self._wake.set()
            return
        self._reported_at = asyncio.get_running_loop().time()
        due_at = self._reported_at + (DURABLE_DELAY if is_durable(event.event) else PROGRESS_DELAY)
        if due_at < self._due_at:
            self._due_at = due_at
            self._wake.set()

    def write(self, lines: Iterable[LogLine]) -> None:
        """Send lines of the log, some time."""
        for line in lines:
            self._lines.append(line)
            self._characters += len(line.text)
        while len(self._lines) > KEPT_LINES or self._characters > KEPT_CHARACTERS:
            self._characters -= len(self._lines.popleft().text)
        if self._lines and self._lines_due_at == float("inf"):
            self._lines_due_at = asyncio.get_running_loop().time() + LINES_DELAY
            self._wake.set()

    def forget(self, lease: Lease) -> None:
        """Drop what is to be said about a lease that is not ours any more."""
        for kept in (self._events, self._durable, self._ended):
            kept.pop(lease, None)
        self._messages = deque(message for message in self._messages if getattr(message, "lease", None) != lease)

    def leases(self) -> set[Lease]:
        """Leases about which something is to be said, or whose end may not have arrived and will be said again."""
        waiting = (message.lease for message in self._messages if isinstance(message, EventBatch | LeaseRelease))
        return {*waiting, *self._events, *self._durable, *self._ended}

    def take_over(self, other: Outbox) -> None:
        """Say here what was to be said there, about prompts and to people, and again what may not have arrived.

        The rest was meant for whoever reads there.
        """
        other._begin_anew()
        moving = EventBatch | LeaseRelease | PackMessage
        self._messages.extend(message for message in other._messages if isinstance(message, moving))
        other._messages.clear()
        for lease, events in other._events.items():
            self._events[lease] = events
        other._events = {}
        self._due_at = min(self._due_at, other._due_at)
        lines, other._lines, other._characters = list(other._lines), deque(), 0
        self._wake.set()
        self.write(lines)

    @property
    def has_unsent(self) -> bool:
        """Whether something about a lease was never sent."""
        return bool(self._events) or any(isinstance(said, EventBatch | LeaseRelease) for said in self._messages)

    def close(self) -> None:
        """Let `messages` end once everything has been taken."""
        self._closed = True
        self._wake.set()

    def reopen(self) -> None:
        """Let `messages` go on after all."""
        self._closed = False

    async def messages(self) -> AsyncIterator[ExecutorMessage]:
        """What is to be sent, as it comes. Only the latest caller is served, so a broken stream takes nothing away."""
        self._reader += 1
        reader = self._reader
        self._wake.set()
        self._begin_anew()
        while reader == self._reader:
            if self._closed:
                self._flush()
            elif asyncio.get_running_loop().time() >= self._due_at:
                self._flush_settled()
            if self._messages:
                yield self._remembered(self._messages.popleft())
            elif self._lines and (self._closed or asyncio.get_running_loop().time() >= self._lines_due_at):
                yield self._written()
            elif self._closed:
                return
            else:
                await self._changed()
        self._wake.set()

    def _begin_anew(self) -> None:
        """Put what the last stream may have swallowed before everything else."""
        again: list[ExecutorMessage] = []
        for lease, events in self._durable.items():
            again += _batches(lease, events)
        again += [release for release in self._ended.values() if release is not None]
        self._durable.clear()
        self._ended.clear()
        waiting = (message for message in self._messages if not isinstance(message, Heartbeat))
        self._messages = deque([*again, *waiting])

    def _remembered(self, message: ExecutorMessage) -> ExecutorMessage:
        """What is about to be sent, kept in case it has to be sent again; events get their place in the attempt."""
        match message:
            case EventBatch(lease, events):
                durable = self._durable.setdefault(lease, [])
                message = EventBatch(lease, events, len(durable))
                durable += (timed for timed in events if is_durable(timed.event))
                if isinstance(events[-1].event, Terminal):
                    self._remember_end(lease, None)
            case LeaseRelease(lease):
                self._remember_end(lease, message)
        return message

    def _remember_end(self, lease: Lease, release: LeaseRelease | None) -> None:
        self._ended[lease] = release
        if len(self._ended) > ENDED_LEASES:
            oldest = next(iter(self._ended))
            del self._ended[oldest]
            self._durable.pop(oldest, None)

    def _written(self) -> LogLines:
        lines = LogLines(tuple(self._lines))
        self._lines.clear()
        self._characters = 0
        self._lines_due_at = float("inf")
        return lines

    async def _changed(self) -> None:
        """Wait for something new, at most until waiting events or lines are due."""
        self._wake.clear()
        loop = asyncio.get_running_loop()
        due_at = min(self._due_at, self._lines_due_at)
        timeout = None if due_at == float("inf") else max(0.0, due_at - loop.time())
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return

    def _flush_settled(self) -> None:
        """Flush all but progress of this moment: it is told in another order when its picture comes without it."""
        expected_at = self._reported_at + PICTURE_DELAY
        fresh: dict[Lease, TimedEvent] = {}
        if asyncio.get_running_loop().time() < expected_at:
            for lease, events in self._events.items():
                if isinstance(events[-1].event, NodeProgress):
                    fresh[lease] = events.pop()
        self._flush()
        for lease, event in fresh.items():
            self._events[lease] = [event]
            self._due_at = expected_at

    def _flush(self) -> None:
        for lease, events in self._events.items():
            self._messages += _batches(lease, events)
        self._events.clear()
        self._due_at = float("inf")


def _batches(lease: Lease, events: list[TimedEvent]) -> Iterator[EventBatch]:
    return (EventBatch(lease, tuple(part)) for part in _parts(events))


def _parts(events: list[TimedEvent]) -> Iterator[list[TimedEvent]]:
    """The events in as few messages as their size allows."""
    part: list[TimedEvent] = []
    size = 0
    for event in events:
        if part and (size + _size_of(event) > BATCH_BYTES or len(part) == BATCH_EVENTS):
            yield part
            part, size = [], 0
        part.append(event)
        size += _size_of(event)
    if part:
        yield part


def _size_of(event: TimedEvent) -> int:
    match event.event:
        case NodeFinished(output_json=output_json):
            return len(output_json)
        case NodePreview(data=data):
            return len(data)
    return 0


def _drop_outdated(waiting: list[TimedEvent], new: TimedEvent) -> None:
    """Take out the report that `new` makes obsolete, if there are enough without it."""
    event = new.event
    if not is_superseded_by_the_next(event):
        return
    kept = 1
    for index in range(len(waiting) - 1, -1, -1):
        older = waiting[index].event
        if is_superseded_by_the_next(older) and type(older) is type(event) and older.node == event.node:
            kept += 1
            if kept > KEPT_REPORTS:
                del waiting[index]
                return
