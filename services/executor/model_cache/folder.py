"""How a cache lies on disk, and what goes when there is no room.

    entries/DIGEST/NAME     a model, whole and verified
    incoming/DIGEST.SIZE    what has come of one that will have SIZE bytes
    locks/DIGEST            who has it: shared by those who use it, alone for who fetches or removes it
    lock                    held while room is made

An entry was used last when its lock was last touched.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from services.errors import ResourceExhausted
from services.executor.model_cache.locks import FileLock

#: Bytes of the disk that are left to others.
RESERVE = 1 << 30


class _Held(NamedTuple):
    """Something that takes room."""

    used_at: float
    size: int
    digest: str


class CacheFolder:
    """A folder of models that several processes use at the same time. Blocking."""

    def __init__(self, top: Path, max_bytes: int, reserve: int = RESERVE) -> None:
        """`max_bytes` of all models together; `reserve` bytes of the disk stay free."""
        self._top = top
        self._max_bytes = max_bytes
        self._reserve = reserve
        for name in ("entries", "incoming", "locks"):
            (top / name).mkdir(parents=True, exist_ok=True)

    def lock_path(self, digest: str) -> Path:
        """The lock of a content."""
        return self._top / "locks" / digest

    def entry(self, digest: str, name: str, size: int) -> Path | None:
        """A whole model under this name, when it is here; for who has its lock."""
        folder = self._top / "entries" / digest
        path = folder / name
        if not path.exists():
            with contextlib.suppress(OSError):
                others = [entry for entry in folder.iterdir() if entry.stat().st_size == size]
                if others:
                    os.link(others[0], path)
        try:
            return path if path.stat().st_size == size else None
        except FileNotFoundError:
            return None

    def part(self, digest: str, size: int) -> Path:
        """Where a model comes in."""
        return self._top / "incoming" / f"{digest}.{size}"

    def complete(self, digest: str, name: str, size: int) -> Path:
        """Make an entry of what came in; for who has its lock alone."""
        path = self._top / "entries" / digest / name
        path.parent.mkdir(exist_ok=True)
        os.replace(self.part(digest, size), path)
        for folder in (path.parent, path.parent.parent):
            _sync(folder)
        return path

    def reserve(self, digest: str, size: int, name: str, wait: Callable[[], None]) -> Path:
        """Make room for a model and say where it comes in; for who has its lock alone.

        Args:
            wait: called again and again while another process makes room.

        Raises:
            ResourceExhausted: there is no room, and what is here is in use.
        """
        if size > self._max_bytes:
            raise ResourceExhausted(
                f"{name} has {_shown(size)}, more than the whole model cache may have ({_shown(self._max_bytes)}):"
                " give it more with --model-cache-gb"
            )
        part = self.part(digest, size)
        while (lock := FileLock.take(self._top / "lock", alone=True)) is None:
            wait()
        try:
            if not part.exists():
                self._make_room(size, name)
                part.touch()
        finally:
            lock.release()
        return part

    def _make_room(self, wanted: int, name: str) -> None:
        there = sorted(self._contents())
        excess = sum(held.size for held in there) + wanted - self._max_bytes
        free = shutil.disk_usage(self._top).free
        missing = max(excess, wanted + self._reserve - free)
        for held in there:
            if missing <= 0:
                return
            if self._remove(held.digest):
                missing -= held.size
        if missing > 0:
            raise ResourceExhausted(
                f"there is no room for {name} ({_shown(wanted)}) in the model cache: what is in it is in use;"
                " give it more with --model-cache-gb, or make room on its disk"
            )

    def _contents(self) -> Iterator[_Held]:
        """All models, those that come in with the size that they will have."""
        for entry in os.scandir(self._top / "entries"):
            sizes = [file.stat().st_size for file in os.scandir(entry.path)]
            yield _Held(self._used_at(entry.name), max(sizes, default=0), entry.name)
        for part in os.scandir(self._top / "incoming"):
            digest, _, size = part.name.partition(".")
            yield _Held(self._used_at(digest), int(size) if size.isdecimal() else 0, digest)

    def _used_at(self, digest: str) -> float:
        try:
            return self.lock_path(digest).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _remove(self, digest: str) -> bool:
        """Remove what there is of a content, unless somebody has it."""
        lock = FileLock.take(self.lock_path(digest), alone=True)
        if lock is None:
            return False
        shutil.rmtree(self._top / "entries" / digest, ignore_errors=True)
        for part in (self._top / "incoming").glob(f"{digest}.*"):
            part.unlink(missing_ok=True)
        lock.remove()
        return True


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _shown(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 10_000_000 else f"{size:,} bytes"
