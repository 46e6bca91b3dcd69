"""Contents on their way in: hashed and written where nobody looks, until they get a name."""

from __future__ import annotations

import os
import threading
import uuid

from blake3 import blake3

from services.files.stores.content import Content
from services.files.stores.digest_index import Version
from services.files.stores.reading import Reading


class Spool(Content):
    """One content in a file of its own that no reader sees. Used from any thread, one at a time.

    All methods raise `OSError`.
    """

    def __init__(self, folder: str) -> None:
        """A content that comes into `folder`; the file is made with the first chunk."""
        super().__init__(os.path.join(folder, uuid.uuid4().hex))
        self._lock = threading.Lock()
        self._file: int | None = None
        self.is_over = False
        self._hash = blake3()

    def append(self, chunk: bytes) -> None:
        """Add to the content."""
        with self._lock:
            self._append(chunk)

    def finish(self, chunk: bytes, *, durable: bool) -> str:
        """Add the last of the content, make it durable if asked to, and answer with its BLAKE3 digest."""
        with self._lock:
            self._append(chunk)
            self._close_up(durable)
            return self._hash.hexdigest()

    def copy(self, source: Reading, *, durable: bool) -> None:
        """Have the content of another file, in one go; raises as `Reading.copy_to`."""
        with self._lock:
            source.copy_to(self._opened())
            self.size = source.version.size
            self._close_up(durable)

    def discard(self) -> None:
        """Remove the spool's own file; waits for an `append` that runs, and no other has an effect after it."""
        with self._lock:
            self.is_over = True
            if self._file is None:
                return
            os.close(self._file)
            self._file = None
            try:
                os.unlink(self._path)
            except FileNotFoundError:
                return

    def _append(self, chunk: bytes) -> None:
        file = self._opened()
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(file, rest) :]
        self._hash.update(chunk)
        self.size += len(chunk)

    def _opened(self) -> int:
        if self.is_over:
            raise FileNotFoundError(self._path)
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        return self._file

    def _close_up(self, durable: bool) -> None:
        assert self._file is not None
        if durable:
            os.fsync(self._file)
        self.version = Version.of(os.fstat(self._file))
