"""Folders as keys of a database: the order of keys is the order of listings.

"/" sorts behind a space and other characters of names, so keys have a character between their parts that no name
holds and that sorts before all that names hold.
"""

from __future__ import annotations

from services.files.records import FileName

_BETWEEN = "\x01"

#: Sorts behind every key of what lies in a folder, added to that folder's own.
_BEHIND = "\x02"

#: Sorts behind all keys: no part of a path has as many of the last character.
_LAST = "\U0010ffff" * 64

Bounds = tuple[str, str]


def key_of(subfolder: str) -> str:
    """The key of a folder."""
    return subfolder.replace("/", _BETWEEN)


def subfolder_of(key: str) -> str:
    """The folder of a key."""
    return key.replace(_BETWEEN, "/")


def bounds(subfolder: str, recursive: bool) -> Bounds:
    """The first key of the folders whose files are listed, and one behind the last."""
    key = key_of(subfolder)
    if not recursive:
        return key, key + _BETWEEN
    return key, key + _BEHIND if key else _LAST


def below(subfolder: str) -> Bounds:
    """The first key of the folders in a folder, and one behind the last; it is what these keys begin with."""
    key = key_of(subfolder)
    return (key + _BETWEEN, key + _BEHIND) if key else ("", _LAST)


def inside(name: FileName) -> Bounds:
    """The bounds of the folders that a name would be, or hold, if it were a folder's."""
    return bounds(name.path, recursive=True)


def parents(name: FileName) -> list[tuple[str, str]]:
    """Key and filename of what the folders above a name would be if they were files, from the top on."""
    parts = name.subfolder.split("/") if name.subfolder else []
    return [(_BETWEEN.join(parts[:depth]), part) for depth, part in enumerate(parts)]
