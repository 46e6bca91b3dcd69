"""What the gateway remembers of one prompt, so that a socket which opens late is told what it missed."""

from __future__ import annotations

import time

from services.gateway.translate.progress import ProgressBoard
from services.graph.events import ExecutionStarted, NodeFinished, NodePreview, NodeProgress, NodeRef, NodeStarted
from services.queue.records import Event, LifecycleEvent, Requeued


class Run:
    """A prompt as told by its events so far."""

    def __init__(self, prompt_id: str, client_id: str) -> None:
        self.prompt_id = prompt_id
        self.client_id = client_id
        self.board = ProgressBoard(prompt_id)
        #: durable events of the attempt that counts
        self.lasting: list[Event] = []
        self.executing: NodeRef | None = None
        self.preview: NodePreview | None = None
        #: sequence of the last durable event that a socket of its client was sent
        self.delivered = 0
        #: by our monotonic clock, in seconds; None while it waits or runs
        self.ended_at: float | None = None
        #: sequence of the last durable event
        self.last_sequence = 0

    @property
    def is_under_way(self) -> bool:
        """Whether it has begun and no end of it is known."""
        return bool(self.lasting) and self.ended_at is None

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

    def _take(self, event: Event) -> None:
        match event.body:
            case ExecutionStarted() | Requeued():
                self._forget_attempt()
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
        if event.is_durable and not isinstance(event.body, LifecycleEvent):
            self.lasting.append(event)
        if event.is_terminal:
            self._end()

    def _forget_attempt(self) -> None:
        self.board = ProgressBoard(self.prompt_id)
        self.lasting.clear()
        self.executing = self.preview = None

    def _end(self) -> None:
        self.board = ProgressBoard(self.prompt_id)
        self.executing = self.preview = None
        self.ended_at = time.monotonic()
