"""The bounded buffer between the gateway and one socket.

A reader that cannot keep up loses previews and the log first, then all but the latest progress, and nothing else:
when even what must arrive does not fit, the buffer overflows and its socket is closed; the client reconnects and is
told what it missed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from services.gateway.sockets.frames import Frame, Kind

#: Frames and bytes from which on frames are dropped.
CROWDED_FRAMES = 128
CROWDED_BYTES = 1 << 20

#: Frames and bytes that are never exceeded.
MAX_FRAMES = 4096
MAX_BYTES = 8 << 20

#: Frames that a crowded buffer takes in before it is searched for droppable ones again.
SWEEP_EVERY = 64

#: Previews that may wait; older ones show nothing that the newest does not.
MAX_PREVIEWS = 2

#: Bytes that are taken out together; a single larger frame is taken alone.
BATCH_BYTES = 64 << 10


class Overflow(Exception):
    """More must arrive than the buffer holds."""


class Outbox:
    """Frames that wait to be sent, oldest first."""

    def __init__(self, dropped: Callable[[Kind, int], None] = lambda kind, count: None) -> None:
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._previews = 0
        self._sweep_at = 0
        self._dropped = dropped
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: Frame) -> None:
        """Add a frame, at the cost of lesser ones if need be.

        Raises:
            Overflow: there is no room even without them.
        """
        self._append(frame)
        if self._previews > MAX_PREVIEWS:
            self._drop_previews(keep=MAX_PREVIEWS)
        if self._is_beyond(CROWDED_FRAMES, CROWDED_BYTES) and len(self._frames) >= self._sweep_at:
            self._sweep()
        if self._is_beyond(MAX_FRAMES, MAX_BYTES):
            self._sweep()
            if self._is_beyond(MAX_FRAMES, MAX_BYTES):
                raise Overflow
        self._filled.set()

    async def take(self) -> list[Frame]:
        """Take the oldest frames, as many as go out together, waiting for one."""
        while not self._frames:
            self._filled.clear()
            await self._filled.wait()
        batch = [self._next()]
        size = len(batch[0].payload)
        while self._frames and (size := size + len(self._frames[0].payload)) <= BATCH_BYTES:
            batch.append(self._next())
        return batch

    def _next(self) -> Frame:
        frame = self._frames.popleft()
        self._count(frame, -1)
        if len(self._frames) < CROWDED_FRAMES:
            self._sweep_at = 0
        return frame

    def _is_beyond(self, frames: int, size: int) -> bool:
        return len(self._frames) > frames or self._bytes > size

    def _sweep(self) -> None:
        if self._previews:
            self._drop_previews(keep=0)
        self._refill(Kind.LOG, lambda frame: True)
        if self._is_beyond(CROWDED_FRAMES, CROWDED_BYTES):
            self._drop_superseded()
        self._sweep_at = len(self._frames) + SWEEP_EVERY

    def _drop_previews(self, keep: int) -> None:
        surplus = iter(range(self._previews - keep))
        self._refill(Kind.PREVIEW, lambda frame: next(surplus, None) is not None)

    def _drop_superseded(self) -> None:
        """Drop progress and status frames that have a successor."""
        newest = {(frame.kind, frame.topic): frame for frame in self._frames}

        def superseded(frame: Frame) -> bool:
            return newest[frame.kind, frame.topic] is not frame

        for kind in (Kind.PROGRESS, Kind.STATUS):
            self._refill(kind, superseded)

    def _refill(self, kind: Kind, is_surplus: Callable[[Frame], bool]) -> None:
        """Drop the frames of a kind that are surplus, asked oldest first."""
        frames, self._frames = self._frames, deque()
        self._bytes = self._previews = 0
        for frame in frames:
            if frame.kind is not kind or not is_surplus(frame):
                self._append(frame)
        if len(frames) > len(self._frames):
            self._dropped(kind, len(frames) - len(self._frames))

    def _append(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._count(frame, 1)

    def _count(self, frame: Frame, sign: int) -> None:
        self._bytes += sign * len(frame.payload)
        self._previews += sign * (frame.kind is Kind.PREVIEW)
