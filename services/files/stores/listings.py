"""What is in folders: read once, and kept while the folders are as they were."""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec

#: Names that are kept, about 80 bytes each; the folders that were asked for longest ago go first.
MAX_NAMES = 300_000

#: A folder that changed less than so many nanoseconds before it was read may change once more without a later time: the
#: clock of the kernel ticks every 1 to 10 ms.
TICK_NS = 20_000_000

#: The same for file systems that keep whole seconds, or every other one.
COARSE_TICK_NS = 2_000_000_000

#: Nanoseconds for which a listing is kept at most. If somebody else changed the folder in the very tick in which we
#: did, or the file system keeps no times of folders, as some over a network, it shows after that.
TRUST_NS = 60_000_000_000

#: Names that we added to a folder since it was read; more are cheaper to read again.
MAX_ADDED = 10_000


class Listing(msgspec.Struct, frozen=True):
    """What was in a folder."""

    #: when the folder changed last
    changed_ns: int
    #: when it was read
    read_ns: int
    #: whether any change after that would have shown in the time of the folder
    is_settled: bool
    #: names of files and of links to no folder, in order
    files: list[str]
    #: those of them that are links
    links: frozenset[str]
    #: names of folders, in order
    folders: list[str]
    #: names of links to folders, in order
    linked_folders: list[str]
    #: names of files that we added since, in no order
    added: list[str]


class Listings:
    """The listings of folders, by path. Used from any thread; raises `OSError`."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Listing] = OrderedDict()
        self._names = 0
        self._lock = threading.Lock()
        #: for those who add to a folder, each for some folders
        self._adding = [threading.Lock() for _ in range(64)]

    def get(self, folder: str) -> Listing:
        """What is in a folder now."""
        changed_ns = os.stat(folder).st_mtime_ns
        kept = self._recall(folder)
        if kept is None or kept.changed_ns != changed_ns or not kept.is_settled:
            return self._keep(folder, _read(folder))
        if time.time_ns() - kept.read_ns > TRUST_NS:
            return self._keep(folder, _read(folder))
        return self._grown(folder, kept) if kept.added else kept

    def beginning_with(self, folder: str, prefix: str) -> list[str]:
        """The files in a folder whose names begin so.

        Those that somebody else added in the very moment in which we did may be missing.
        """
        changed_ns = os.stat(folder).st_mtime_ns
        listing = self._recall(folder)
        if listing is None or listing.changed_ns != changed_ns:
            listing = self._keep(folder, _read(folder))
        everything = [listing.files, listing.folders, listing.linked_folders]
        found = [name for names in everything for name in _slice(names, prefix)]
        return [*found, *(name for name in listing.added if name.startswith(prefix))]

    @contextmanager
    def adding(self, path: str) -> Iterator[None]:
        """Around giving a file its path: the folder need not be read again because of it."""
        folder, filename = os.path.split(path)
        # One after the other: of two at once, each would take the other's change for its own.
        with self._adding[hash(folder) % len(self._adding)]:
            before = os.stat(folder).st_mtime_ns
            yield
            with suppress(OSError):
                self._note(folder, filename, before, os.stat(folder).st_mtime_ns)

    def _recall(self, folder: str) -> Listing | None:
        with self._lock:
            if folder in self._kept:
                self._kept.move_to_end(folder)
            return self._kept.get(folder)

    def _note(self, folder: str, filename: str, before: int, after: int) -> None:
        with self._lock:
            listing = self._kept.get(folder)
            if listing is None or listing.changed_ns != before or len(listing.added) >= MAX_ADDED:
                return
            listing.added.append(filename)
            self._kept[folder] = msgspec.structs.replace(listing, changed_ns=after)

    def _grown(self, folder: str, listing: Listing) -> Listing:
        """The listing with what we added in its place."""
        with self._lock:
            added = list(listing.added)
            if not added:
                return listing
            grown = msgspec.structs.replace(listing, files=sorted(listing.files + added), added=[])
            if self._kept.get(folder) is listing:
                self._names += len(added)
                self._kept[folder] = grown
            return grown

    def _keep(self, folder: str, listing: Listing) -> Listing:
        with self._lock:
            self._names += _size(listing) - _size(self._kept.pop(folder, None))
            self._kept[folder] = listing
            while self._names > MAX_NAMES and len(self._kept) > 1:
                self._names -= _size(self._kept.popitem(last=False)[1])
        return listing


def _read(folder: str) -> Listing:
    began_ns = time.time_ns()
    changed_ns = os.stat(folder).st_mtime_ns
    files: list[str] = []
    links: list[str] = []
    folders: list[str] = []
    linked_folders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                (linked_folders if _leads_to_folder(entry) else links).append(entry.name)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.is_file(follow_symlinks=False):
                files.append(entry.name)
    tick_ns = TICK_NS if changed_ns % 1_000_000_000 else COARSE_TICK_NS
    return Listing(
        changed_ns,
        began_ns,
        changed_ns + tick_ns < began_ns,
        sorted(files + links),
        frozenset(links),
        sorted(folders),
        sorted(linked_folders),
        [],
    )


def _leads_to_folder(link: os.DirEntry[str]) -> bool:
    try:
        return link.is_dir()
    except OSError:
        return False


def _slice(names: list[str], prefix: str) -> list[str]:
    """Those of sorted names that begin so."""
    start = bisect_left(names, prefix)
    return names[start : bisect_left(names, prefix + "\U0010ffff", start)]


def _size(listing: Listing | None) -> int:
    return len(listing.files) + len(listing.folders) + 10 if listing else 0
