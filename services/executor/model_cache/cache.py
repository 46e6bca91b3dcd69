"""The cache of models that all workers of a host share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from services.errors import ResourceExhausted
from services.executor.model_cache.download import Download
from services.executor.model_cache.folder import CacheFolder
from services.executor.model_cache.holds import Holds
from services.executor.model_cache.locks import FileLock, touch

#: Seconds between looks at what another process does.
LOOK_INTERVAL = 0.1

#: Has a download done, and calls the second with the bytes that are here again and again meanwhile.
Fetch = Callable[[Download, Callable[[int], None]], None]


class ModelCache:
    """Models by digest: each comes once, whoever asks for it, and stays while it is used or there is room."""

    def __init__(self, folder: CacheFolder, holds: Holds | None = None) -> None:
        self._folder = folder
        self._holds = holds or Holds()

    def get(self, digest: str, size: int, name: str, fetch: Fetch, report: Callable[[int], None]) -> Path:
        """A whole, verified file of a content, not to be changed; it stays as long as this process has it mapped.

        Args:
            digest: BLAKE3, lowercase hex.
            size: bytes.
            name: the file's name, one part of a path.
            fetch: brings the content, when nobody else does.
            report: called with the bytes that are here, again and again while somebody brings it; may raise.

        Raises:
            ResourceExhausted: there is no room, and what is here is in use.
            ServiceError: what `fetch` and `report` raise.
        """
        while True:
            if path := self._entry(digest, size, name):
                return path
            self._holds.drop(digest)  # of an entry that somebody removed by hand
            lock = FileLock.take(self._folder.lock_path(digest), alone=True)
            if lock is None:
                report(self._come(digest, size))
                time.sleep(LOOK_INTERVAL)
                continue
            try:
                if self._folder.entry(digest, name, size) is None:
                    self._bring(digest, size, name, fetch, report)
            finally:
                lock.release()

    def release_unused(self) -> None:
        """Let models go that this process does not use any more."""
        self._holds.release_unused()

    def _entry(self, digest: str, size: int, name: str) -> Path | None:
        lock_path = self._folder.lock_path(digest)
        lock = FileLock.take(lock_path, alone=False)
        if lock is None:
            return None
        path = self._folder.entry(digest, name, size)
        if path is None:
            lock.release()
            return None
        touch(lock_path)
        self._holds.add(digest, lock, path)
        return path

    def _bring(self, digest: str, size: int, name: str, fetch: Fetch, report: Callable[[int], None]) -> None:
        def wait() -> None:
            report(0)
            time.sleep(LOOK_INTERVAL)

        touch(self._folder.lock_path(digest))
        part = self._folder.reserve(digest, size, name, wait)
        try:
            fetch(Download(digest, size, part), report)
        except OSError as error:
            raise ResourceExhausted(f"{name} cannot be kept in the model cache: {error.strerror}") from error
        self._folder.complete(digest, name, size)

    def _come(self, digest: str, size: int) -> int:
        try:
            return self._folder.part(digest, size).stat().st_size
        except FileNotFoundError:
            return 0
