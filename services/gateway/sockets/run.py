"""What the gateway remembers of one prompt, so that a socket which opens late is told what it missed."""

from __future__ import annotations

import time
from collections import deque

from services.gateway.translate.progress import ProgressBoard
from services.graph.events import (
    ExecutionStarted,
    NodeFinished,
    NodePreview,
    NodeProgress,
    NodeRef,
    NodesCached,
    NodeStarted,
)
from services.queue.records import Event, LifecycleEvent, Requeued

#: What an event weighs apart from what a node shows, and a node's id, in bytes.
_BASE_BYTES = 500
_ID_BYTES = 60

#: Bytes that a node shows from which on they are dropped when there is too much.
SHORT_BYTES = 2 << 10


class Run:
    """A prompt as told by its events so far."""

    def __init__(self, prompt_id: str, client_id: str) -> None:
        self.prompt_id = prompt_id
        self.client_id = client_id
        self.board = ProgressBoard(prompt_id)
        #: durable events of the attempt that counts which no socket of its client was sent; none without a client
        self.untold: deque[Event] = deque()
        #: what they weigh
        self.kept_bytes = 0
        self.executing: NodeRef | None = None
        self.preview: NodePreview | None = None
        #: by our monotonic clock, in seconds; None while it waits or runs
        self.ended_at: float | None = None
        #: sequence of the last durable event
        self.last_sequence = 0
        self._has_begun = False
        #: sequence of the last durable event that a socket of its client was sent
        self._delivered = 0

    @property
    def is_under_way(self) -> bool:
        """Whether it has begun and no end of it is known."""
        return self._has_begun and self.ended_at is None

    def apply(self, event: Event) -> bool:
        """Take in an event; False when it is known already or has been overtaken."""
        if event.is_durable:
            if event.sequence <= self.last_sequence:
                return False
            self.last_sequence = event.sequence
        elif event.sequence < self.last_sequence or self.ended_at is not None:
            return False
        self._take(event)
        return True

    def deliver(self, sequence: int) -> None:
        """A socket of its client was sent the durable events up to this one."""
        self._delivered = max(self._delivered, sequence)
        while self.untold and self.untold[0].sequence <= self._delivered:
            self.kept_bytes -= _weight(self.untold.popleft())

    def shorten(self) -> None:
        """Keep what is short of what nobody was told: how it began and ended, above all."""
        self.untold = deque(event for event in self.untold if _weight(event) <= _BASE_BYTES + SHORT_BYTES)
        self.kept_bytes = sum(map(_weight, self.untold))

    def _take(self, event: Event) -> None:
        match event.body:
            case ExecutionStarted() | Requeued():
                self._forget_attempt()
                self._has_begun = isinstance(event.body, ExecutionStarted)
            case NodeStarted(node):
                self.executing = node
                self.board.start(node)
            case NodeProgress(node, value, maximum):
                self.executing = self.executing or node
                self.board.advance(node, value, maximum)
            case NodePreview() as preview:
                self.preview = preview
            case NodeFinished(node):
                self.board.finish(node)
                self.preview = None
        if self.client_id and event.is_durable and not isinstance(event.body, LifecycleEvent):
            self.untold.append(event)
            self.kept_bytes += _weight(event)
        if event.is_terminal:
            self._end()

    def _forget_attempt(self) -> None:
        self.board = ProgressBoard(self.prompt_id)
        self.untold.clear()
        self.kept_bytes = 0
        self.executing = self.preview = None

    def _end(self) -> None:
        self.board = ProgressBoard(self.prompt_id)
        self.executing = self.preview = None
        self.ended_at = time.monotonic()


def _weight(event: Event) -> int:
    match event.body:
        case NodeFinished(output_json=shown):
            return _BASE_BYTES + len(shown)
        case NodesCached(node_ids):
            return _BASE_BYTES + _ID_BYTES * len(node_ids)
    return _BASE_BYTES
