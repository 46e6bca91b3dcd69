"""What grows old in a data directory. Blocking."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from services.errors import Aborted, InvalidArgument, NotFound
from services.files.records import FileKind, FileName
from services.files.retention.records import Garbage, GarbageKind
from services.files.stores.digest_index import DigestIndex
from services.files.stores.digests import name_of
from services.files.stores.shelf import Shelves

#: Rows that are looked at together.
PAGE = 1_000


class DiskUpkeep:
    """Finds what no file needs: leftovers of writes, and what is known about files that are gone."""

    def __init__(
        self, incoming: Path, shelves: Shelves, index: DigestIndex, grace: float, clock: Callable[[], float]
    ) -> None:
        """What nobody wrote to for `grace` seconds is left over."""
        self._incoming = incoming
        self._shelves = shelves
        self._index = index
        self._grace = grace
        self._clock = clock

    def expire(self, name: FileName, before: float) -> None:
        """Remove a file; raises as `KeepingStore.expire`."""
        with self._shelves.changing:
            _, status = self._shelves.tree.find(name)
            if status.st_mtime >= before:
                raise Aborted(f"{name} was written again")
            self._shelves.tree.remove(name)
        self._shelves.forget(name)

    def garbage(self, dry_run: bool) -> Iterator[Garbage]:
        """What goes, as it goes."""
        yield from self._leftovers(dry_run)
        yield from self._gone(self._index.some_paths, self._shelves.digests.forget, dry_run)
        yield from self._gone(self._shelves.owners.paths, self._shelves.owners.forget, dry_run, told=False)

    def _leftovers(self, dry_run: bool) -> Iterator[Garbage]:
        before = self._clock() - self._grace
        with os.scandir(self._incoming) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    if status.st_mtime < before:
                        if not dry_run:
                            os.unlink(entry.path)
                        yield Garbage(GarbageKind.LEFTOVER, f"{self._incoming.name}/{entry.name}", status.st_size)

    def _gone(
        self,
        paths: Callable[[str, int], list[str]],
        forget: Callable[[FileName], None],
        dry_run: bool,
        *,
        told: bool = True,
    ) -> Iterator[Garbage]:
        """The rows of files that are gone; those of models stay, whose disk may only be away."""
        after = ""
        while page := paths(after, PAGE):
            after = page[-1]
            for name in map(name_of, page):
                if name.kind is not FileKind.MODELS and not self._is_there(name):
                    if not dry_run:
                        forget(name)
                    if told:
                        yield Garbage(GarbageKind.INDEX, str(name), 0)

    def _is_there(self, name: FileName) -> bool:
        try:
            self._shelves.tree.find(name)
        except (NotFound, InvalidArgument):
            return False
        return True
