"""A file on disk that is being read."""

from __future__ import annotations

import errno
import os
import threading

from services.errors import Aborted
from services.files.chunks import CHUNK_BYTES
from services.files.records import FileName
from services.files.stores.digest_index import Version

# What file systems say that cannot copy within the kernel, or not to each other.
_NO_KERNEL_COPY = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


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

    def copy_to(self, target: int) -> None:
        """Copy all of it into an empty file; the two share their blocks where the file system can share them.

        Raises:
            Aborted: as `read`.
        """
        size = self.version.size
        copied = self._copied_by_kernel(target) if hasattr(os, "copy_file_range") else 0
        for position in range(copied, size, CHUNK_BYTES):
            rest = memoryview(self.read(position, min(CHUNK_BYTES, size - position)))
            while rest:
                rest = rest[os.write(target, rest) :]
        self.read(size, 0)

    def _copied_by_kernel(self, target: int) -> int:
        """How many bytes the kernel copied, from the start."""
        copied = 0
        with self._lock:
            while self._file is not None and copied < self.version.size:
                try:
                    count = os.copy_file_range(self._file, target, self.version.size - copied, copied)
                except OSError as error:
                    if error.errno not in _NO_KERNEL_COPY:
                        raise
                    break
                if not count:
                    break
                copied += count
        return copied

    def close(self) -> None:
        """Close the file; waits for a `read` that runs."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None
