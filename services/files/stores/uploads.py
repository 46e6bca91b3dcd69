"""The uploads on disk: begun, gone on with, committed, forgotten."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from services.errors import NotFound, ResourceExhausted
from services.files.records import FileInfo, Target, Upload
from services.files.stores import base, placing
from services.files.stores.disk_errors import disk_errors
from services.files.stores.incoming import Incoming, write_durably
from services.files.stores.shelf import Shelves

log = logging.getLogger(__name__)

#: Seconds between looks for uploads that nobody goes on with.
SWEEP_INTERVAL = 3600.0


class Uploads:
    """A folder per upload that is on its way, and a small file per one that was committed. Blocking."""

    def __init__(self, folder: Path, committed: Path, shelves: Shelves, counters: placing.Counters) -> None:
        """Take up what a service before this one left; both folders exist."""
        self._folder = folder
        self._committed = committed
        self._shelves = shelves
        self._counters = counters
        self._lock = threading.Lock()
        self._open: dict[str, Incoming] = {}
        for left in list(folder.iterdir()):
            self._take_up(left)
        self.sweep()

    def begin(self, target: Target) -> Upload:
        """A new upload.

        Raises:
            ResourceExhausted: there are too many.
        """
        with self._lock:
            if len(self._open) >= base.MAX_UPLOADS:
                raise ResourceExhausted(f"there are {base.MAX_UPLOADS} uploads already: commit or abort some")
            with disk_errors(target.name):
                incoming = Incoming.begin(self._folder / uuid.uuid4().hex, target)
            self._open[incoming.upload_id] = incoming
            return incoming.describe()

    def describe(self, upload_id: str) -> Upload:
        """How far an upload is.

        Raises:
            NotFound: there is none.
            InvalidArgument: the id is not one.
        """
        with self._on_its_way(upload_id) as incoming:
            return incoming.describe()

    def target(self, upload_id: str) -> Target:
        """Where an upload belongs; raises as `describe`."""
        with self._on_its_way(upload_id) as incoming:
            return incoming.record.target

    def take_over(self, upload_id: str, offset: int) -> int:
        """Begin to append; raises as `describe` and `Incoming.take_over`."""
        with self._on_its_way(upload_id) as incoming:
            return incoming.take_over(offset)

    def append(self, upload_id: str, turn: int, chunk: bytes) -> None:
        """Add to the content of an upload; raises as `describe` and `Incoming.append`."""
        with self._on_its_way(upload_id) as incoming:
            incoming.append(turn, chunk)

    def sync(self, upload_id: str, turn: int) -> Upload:
        """Make durable what came; raises as `describe` and `Incoming.append`."""
        with self._on_its_way(upload_id) as incoming:
            return incoming.sync(turn)

    def commit(self, upload_id: str, size: int, blake3: str | None) -> FileInfo:
        """Give an upload its name; raises as `FileStore.commit_upload`."""
        asked_for = self._open.get(upload_id)
        try:
            with self._on_its_way(upload_id) as incoming:
                return self._place(incoming, size, blake3)
        except NotFound:
            if asked_for is not None:
                # Whoever gives it its name takes the content away before the answer is written down.
                asked_for.wait()
            info = self._answered(upload_id)
            if info is None:
                raise
            return info

    def abort(self, upload_id: str) -> None:
        """Forget an upload; raises as `describe`."""
        with self._on_its_way(upload_id) as incoming:
            incoming.abort()
        self._open.pop(upload_id, None)

    def sweep(self) -> None:
        """Forget the uploads that nobody goes on with, and what was answered about others long ago."""
        oldest = time.time() - base.UPLOAD_LIFE
        for upload_id, incoming in list(self._open.items()):
            with suppress(OSError, NotFound):
                if _is_forgotten(incoming):
                    log.info("upload %s of %s is forgotten", upload_id, incoming.record.target.name)
                    incoming.abort()
                    self._open.pop(upload_id, None)
        with os.scandir(self._committed) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime < oldest:
                        os.unlink(entry.path)

    @contextmanager
    def _on_its_way(self, upload_id: str) -> Iterator[Incoming]:
        base.check_upload_id(upload_id)
        incoming = self._open.get(upload_id)
        if incoming is None or incoming.is_over:
            raise base.no_upload(upload_id)
        with disk_errors(incoming.record.target.name):
            if _is_forgotten(incoming):
                raise base.no_upload(upload_id)
            yield incoming

    def _place(self, incoming: Incoming, size: int, blake3: str | None) -> FileInfo:
        target = incoming.record.target
        answer: list[FileInfo] = []

        def place(digest: str) -> None:
            shelf = self._shelves.shelf(incoming, digest, incoming.about_to_place)
            answer.append(shelf.place(target, self._counters))
            self._remember(incoming.upload_id, answer[0])

        try:
            incoming.commit(size, blake3, place)
        finally:
            if incoming.is_over:
                self._open.pop(incoming.upload_id, None)
        return answer[0]

    def _take_up(self, left: Path) -> None:
        """Go on with what a service before this one left, or end what it was about to end."""
        incoming = Incoming.load(left)
        if incoming is None:
            shutil.rmtree(left)
            return
        placing_ = incoming.record.placing
        if placing_ is not None and incoming.was_placed(self._shelves.tree.path_to_write(placing_)):
            self._remember(incoming.upload_id, self._shelves.describe(placing_))
            incoming.abort()
        else:
            self._open[incoming.upload_id] = incoming

    def _remember(self, upload_id: str, info: FileInfo) -> None:
        """Keep the answer, for those who do not get it and ask again."""
        try:
            write_durably(self._committed / upload_id, msgspec.json.encode(info))
        except OSError as error:
            log.warning("what became of upload %s cannot be written down: %s", upload_id, error)

    def _answered(self, upload_id: str) -> FileInfo | None:
        try:
            return msgspec.json.decode((self._committed / upload_id).read_bytes(), type=FileInfo)
        except (FileNotFoundError, msgspec.DecodeError):
            return None


def _is_forgotten(incoming: Incoming) -> bool:
    try:
        return incoming.describe().expires_at < time.time()
    except FileNotFoundError:  # it is about to be committed: whoever asks has to wait for that
        return False
