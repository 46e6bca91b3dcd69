"""Locks between the processes of a host that share a cache: files, locked as long as somebody has them open.

The kernel lets go of them when a process dies, whatever it died of, and they hold across containers on one host.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path


class FileLock:
    """A lock that this process has; let go of by `release`, or when the process ends."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, path: Path, *, alone: bool) -> FileLock | None:
        """The lock, for this process alone or shared with others, or None when others are in the way."""
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            if _is_at(path, descriptor):
                return cls(path, descriptor)
            os.close(descriptor)  # it was removed meanwhile: others would lock another file

    def release(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        """Remove the file, which this process has alone, and let go of it."""
        self._path.unlink(missing_ok=True)
        self.release()


def touch(path: Path) -> None:
    """Remember that something was used now."""
    now = time.time()
    try:
        os.utime(path, (now, now))
    except FileNotFoundError:
        return


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
