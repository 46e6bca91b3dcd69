"""The files of a folder and of those below it, in order, from any of them on."""

from __future__ import annotations

import heapq
import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from services.files import names
from services.files.records import FileKind, FileName
from services.files.stores.listings import Listings
from services.files.stores.paging import SortKey, sort_key
from services.files.stores.places import Place


class Entry(msgspec.Struct, frozen=True):
    """A file that a walk came across; it may be gone, or a link to no file, by the time it is looked at."""

    name: FileName
    #: absolute
    path: str
    is_link: bool


def walk(
    listings: Listings, places: Sequence[Place], kind: FileKind, subfolder: str, recursive: bool, after: SortKey
) -> Iterator[Entry]:
    """The files behind `after`, in the order of `paging.sort_key`; of equal names the one in the first place.

    Links to folders are descended into in open places alone. What lies before `after` is not read.
    """
    walks = [_Walk(listings, place, kind, recursive, after).entries(subfolder) for place in places]
    if len(walks) == 1:
        return walks[0]
    merged = heapq.merge(*walks, key=lambda entry: sort_key(entry.name))
    return (next(same) for _, same in groupby(merged, key=lambda entry: entry.name))


class _Walk:
    def __init__(self, listings: Listings, place: Place, kind: FileKind, recursive: bool, after: SortKey) -> None:
        self._listings = listings
        self._place = place
        self._kind = kind
        self._recursive = recursive
        self._after = after

    def entries(self, subfolder: str) -> Iterator[Entry]:
        """The files of a subfolder in this place, which may be a subfolder of it."""
        below = f"{subfolder}/" if subfolder else ""
        if self._recursive and self._place.inside.startswith(below) and self._place.inside != subfolder:
            subfolder = self._place.inside
        folder = self._place.resolve(subfolder)
        if folder is not None:
            yield from self._in(folder, subfolder, ())

    def _in(self, folder: str, subfolder: str, above: tuple[str, ...]) -> Iterator[Entry]:
        try:
            listing = self._listings.get(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        except PermissionError:
            if not above:
                raise
            return  # one folder that is nobody's business, such as lost+found, does not hide all others
        parts = tuple(subfolder.split("/")) if subfolder else ()
        for filename in self._files_behind(parts, listing.files):
            file = FileName(self._kind, subfolder, filename)
            yield Entry(file, f"{folder}/{filename}", filename in listing.links)
        if not self._recursive:
            return
        linked = listing.linked_folders if self._place.is_open else []
        for name in heapq.merge(listing.folders, linked):
            below = f"{subfolder}/{name}" if subfolder else name
            place = os.path.join(folder, name)
            if name in linked:
                place = os.path.realpath(place)
            # A link to a folder above leads round in circles.
            if place not in (*above, folder) and self._may_be_behind((*parts, name)) and _is_folder(self._kind, below):
                yield from self._in(place, below, (*above, folder))

    def _files_behind(self, parts: tuple[str, ...], files: list[str]) -> Sequence[str]:
        if parts == self._after[0]:
            return files[bisect_right(files, self._after[1]) :]
        return files if parts > self._after[0] else ()

    def _may_be_behind(self, parts: tuple[str, ...]) -> bool:
        """Whether files in a folder or below it can lie behind the point from which on they are wanted."""
        return parts >= self._after[0][: len(parts)]


def _is_folder(kind: FileKind, subfolder: str) -> bool:
    return names.is_valid(FileName(kind, subfolder, "file"))
