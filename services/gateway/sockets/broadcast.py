"""What everybody is told: at once while that is cheap, and of the fleeting the latest when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Set

from services.gateway.sockets.frames import Frame, Kind
from services.gateway.sockets.socket import Socket

#: Frames to single sockets for which there is credit after a while of silence, and that are earned in a second.
BURST = 2000.0
RATE = 1000.0

_FLEETING = (Kind.STATUS, Kind.PROGRESS, Kind.PREVIEW)


class Broadcast:
    """Frames on their way to all sockets: where many listen and much happens, their number in a second is bounded."""

    def __init__(self, sockets: Set[Socket]) -> None:
        """For `sockets` as they are whenever something is told."""
        self._sockets = sockets
        #: for those that do not understand metadata and those that do
        self._waiting: dict[bool, dict[object, Frame]] = {False: {}, True: {}}
        self._credit = BURST
        self._credited_at = 0.0
        self._due: asyncio.TimerHandle | None = None

    def put_all(self, frames: Iterable[Frame], *, metadata: bool) -> None:
        """Tell those sockets that understand metadata, or those that do not; `flush` has to follow."""
        waiting = self._waiting[metadata]
        for frame in frames:
            key = (frame.kind, frame.topic) if frame.kind in _FLEETING else frame
            waiting.pop(key, None)
            waiting[key] = frame

    def flush(self) -> None:
        """Send what waits: at once if there is credit or something that lasts among it, else when it is earned."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._credit = min(BURST, self._credit + (now - self._credited_at) * RATE)
        self._credited_at = now
        if self._credit > 0 or any(frame.kind not in _FLEETING for frame in self._all_waiting()):
            self._send()
        elif self._due is None:
            self._due = loop.call_later(-self._credit / RATE, self._fall_due)

    def _fall_due(self) -> None:
        self._due = None
        self.flush()

    def _send(self) -> None:
        for socket in self._sockets:
            frames = self._waiting[socket.metadata].values()
            socket.put_all(frames)
            self._credit -= len(frames)
        for waiting in self._waiting.values():
            waiting.clear()

    def _all_waiting(self) -> Iterable[Frame]:
        return (frame for waiting in self._waiting.values() for frame in waiting.values())
