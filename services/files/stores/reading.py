"""A file on disk that is being read."""

from __future__ import annotations

import os
import threading

from services.errors import Aborted
from services.files.records import FileName
from services.files.stores.digest_index import Version


class Reading:
    """An open file that notices when somebody changes it in place. Used from any thread."""

    def __init__(self, name: FileName, descriptor: int) -> None:
        """Take over an open file descriptor."""
        self._name = name
        self._file: int | None = descriptor
        self._lock = threading.Lock()
        self.version = Version.of(os.fstat(descriptor))

    def read(self, position: int, length: int) -> bytes:
        """These bytes, exactly.

        Raises:
            Aborted: the file was changed since it was opened, or closed already.
        """
        with self._lock:
            if self._file is None:
                raise Aborted(f"{self._name} was closed while it was read")
            chunk = os.pread(self._file, length, position)
            while len(chunk) < length:
                more = os.pread(self._file, length - len(chunk), position + len(chunk))
                if not more:
                    break
                chunk += more
            if len(chunk) < length or Version.of(os.fstat(self._file)) != self.version:
                raise Aborted(f"{self._name} changed while it was read")
            return chunk

    def close(self) -> None:
        """Close the file; waits for a `read` that runs."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None
