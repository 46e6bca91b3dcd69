"""Which name a content gets: the policies for names that are taken, the same for every store."""

from __future__ import annotations

import posixpath
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Protocol

from services.errors import AlreadyExists
from services.files import names
from services.files.records import FileName, OnConflict

#: Prefixes whose counter is kept; the others are found again by listing.
MAX_COUNTERS = 10_000

# A longer run of digits is a date or an id, not a counter.
_COUNTER = re.compile(r"_([0-9]{1,15})_")


class Shelf(Protocol):
    """A content that waits for its name, and the store it is to be placed in."""

    def put(self, name: FileName) -> bool:
        """Give the content a name unless it is taken; whether it got it."""

    def replace(self, name: FileName, replaced_blake3: str | None) -> None:
        """Give the content a name, taken or not; with a digest only while the name has that content, else `Aborted`."""

    def holds(self, name: FileName) -> bool:
        """Whether this very content is found under a name."""

    def filenames(self, beside: FileName) -> Iterable[str]:
        """The filenames in the folder that a name is in; those that do not begin with its own may be left out."""


class Counters:
    """The next number per prefix: found by listing the folder once, then kept. Used from any thread."""

    def __init__(self) -> None:
        self._next: OrderedDict[FileName, int] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, prefix: FileName, list_folder: Callable[[], Iterable[str]]) -> int:
        """A number that nobody else gets, above those in use."""
        with self._lock:
            number = self._next.pop(prefix, 0) or highest_number(prefix.filename, list_folder()) + 1
            self._next[prefix] = number + 1
            if len(self._next) > MAX_COUNTERS:
                self._next.popitem(last=False)
            return number


def highest_number(prefix: str, filenames: Iterable[str]) -> int:
    """The highest number in names of the form PREFIX_<digits>_*, 0 when there is none."""
    found = (_COUNTER.match(name, len(prefix)) for name in filenames if name.startswith(prefix))
    return max((int(match[1]) for match in found if match), default=0)


def place(
    shelf: Shelf,
    counters: Counters,
    name: FileName,
    on_conflict: OnConflict,
    numbered_extension: str,
    replaced_blake3: str | None = None,
) -> FileName:
    """Give a content its name by a policy, and say which it is.

    Raises:
        AlreadyExists: FAIL, and the name is taken.
        Aborted: OVERWRITE, and the name has not the content that was to be replaced.
        InvalidArgument: the name that would be next is too long.
    """
    if on_conflict is OnConflict.OVERWRITE:
        shelf.replace(name, replaced_blake3)
        return name
    if on_conflict is OnConflict.RENAME:
        return next(it for it in renamed(name) if shelf.put(it) or shelf.holds(it))
    if on_conflict is OnConflict.NUMBER:
        return next(it for it in _numbered(shelf, counters, name, numbered_extension) if shelf.put(it))
    if not shelf.put(name):
        raise AlreadyExists(f"{name} exists")
    return name


def renamed(name: FileName) -> Iterator[FileName]:
    yield name
    stem, extension = posixpath.splitext(name.filename)
    for number in count(1):
        candidate = FileName(name.kind, name.subfolder, f"{stem} ({number}){extension}")
        names.validate(candidate)
        yield candidate


def _numbered(shelf: Shelf, counters: Counters, prefix: FileName, extension: str) -> Iterator[FileName]:
    while True:
        candidate = names.numbered(prefix, counters.take(prefix, lambda: shelf.filenames(prefix)), extension)
        names.validate(candidate)
        yield candidate
