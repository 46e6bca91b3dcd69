"""Uploads in memory: gone with the process, one event loop."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterable, Callable

from services.errors import Aborted, DataLoss, OutOfRange, ResourceExhausted
from services.files.records import FileInfo, Target, Upload
from services.files.stores import base


class _Incoming:
    def __init__(self, target: Target, now: float) -> None:
        self.target = target
        self.content = bytearray()
        self.touched_at = now
        #: counts those who appended; the last one may go on
        self.turn = 0


class MemoryUploads:
    """Uploads that are on their way, and what became of those that were committed."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._open: dict[str, _Incoming] = {}
        self._committed: dict[str, tuple[float, FileInfo]] = {}

    def begin(self, target: Target) -> Upload:
        """A new upload; raises as `FileStore.begin_upload`."""
        self._forget()
        if len(self._open) >= base.MAX_UPLOADS:
            raise ResourceExhausted(f"there are {base.MAX_UPLOADS} uploads already: commit or abort some")
        upload_id = uuid.uuid4().hex
        self._open[upload_id] = _Incoming(target, self._now())
        return self.describe(upload_id)

    async def append(self, upload_id: str, offset: int, chunks: AsyncIterable[bytes]) -> Upload:
        """Add to an upload; raises as `FileStore.append_upload`."""
        incoming = self._get(upload_id)
        incoming.turn += 1
        turn = incoming.turn
        base.check_offset(self.describe(upload_id), offset)
        async for chunk in chunks:
            if turn != self._get(upload_id).turn:
                raise Aborted(f"somebody else went on with upload {upload_id}")
            promised = incoming.target.expected_size
            if promised is not None and len(incoming.content) + len(chunk) > promised:
                raise DataLoss(f"more than the {promised} promised bytes came")
            incoming.content += chunk
            incoming.touched_at = self._now()
        return self.describe(upload_id)

    def describe(self, upload_id: str) -> Upload:
        """How far an upload is; raises as `FileStore.get_upload`."""
        incoming = self._get(upload_id)
        return Upload(upload_id, len(incoming.content), incoming.touched_at + base.UPLOAD_LIFE)

    def commit(self, upload_id: str, size: int, place: Callable[[Target, bytes], FileInfo]) -> FileInfo:
        """Have `place` give an upload its name; raises as it and `FileStore.commit_upload`."""
        self._forget()
        if upload_id in self._committed:
            return self._committed[upload_id][1]
        incoming = self._get(upload_id)
        there = len(incoming.content)
        if size != there:
            raise OutOfRange(f"upload {upload_id} goes on at offset {there}, it has not {size} bytes")
        try:
            info = place(incoming.target, bytes(incoming.content))
        except DataLoss:
            del self._open[upload_id]
            raise
        del self._open[upload_id]
        self._committed[upload_id] = (self._now(), info)
        return info

    def target(self, upload_id: str) -> Target:
        """Where an upload belongs; raises as `FileStore.get_upload`."""
        return self._get(upload_id).target

    def abort(self, upload_id: str) -> None:
        """Forget an upload; raises as `FileStore.abort_upload`."""
        self._get(upload_id)
        del self._open[upload_id]

    def _get(self, upload_id: str) -> _Incoming:
        base.check_upload_id(upload_id)
        self._forget()
        if upload_id not in self._open:
            raise base.no_upload(upload_id)
        return self._open[upload_id]

    def _forget(self) -> None:
        oldest = self._now() - base.UPLOAD_LIFE
        self._open = {id: incoming for id, incoming in self._open.items() if incoming.touched_at >= oldest}
        self._committed = {id: answer for id, answer in self._committed.items() if answer[0] >= oldest}
