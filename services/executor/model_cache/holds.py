"""Which models of the cache this process uses: those that it was handed lately, and those that are mapped."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import NamedTuple

from services.executor.model_cache.locks import FileLock

#: Seconds that a loader has to map what it was handed.
GRACE = 60.0

_MAPS = Path("/proc/self/maps")


class _Hold(NamedTuple):
    lock: FileLock
    path: str
    handed_at: float


class Holds:
    """The shared locks of this process. Used from any thread."""

    def __init__(self, grace: float = GRACE) -> None:
        self._grace = grace
        self._holds: dict[str, _Hold] = {}
        self._lock = threading.Lock()

    def add(self, digest: str, lock: FileLock, path: Path) -> None:
        """This process was handed a model, whose lock it shares from now on."""
        with self._lock:
            before = self._holds.pop(digest, None)
            self._holds[digest] = _Hold(lock, str(path), time.monotonic())
        if before:
            before.lock.release()

    def drop(self, digest: str) -> None:
        """What was handed to this process is gone."""
        with self._lock:
            hold = self._holds.pop(digest, None)
        if hold:
            hold.lock.release()

    def release_unused(self) -> None:
        """Let go of what is not mapped any more; nothing where the system does not tell what is."""
        latest = time.monotonic() - self._grace
        with self._lock:
            old = {digest: hold for digest, hold in self._holds.items() if hold.handed_at <= latest}
            if not old:
                return
            try:
                maps = _MAPS.read_text(errors="surrogateescape")
            except OSError:
                return
            for digest, hold in old.items():
                if f" {hold.path}\n" not in maps:
                    del self._holds[digest]
                    hold.lock.release()
