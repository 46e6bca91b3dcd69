"""What is decided and told about files that go."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Collection

import msgspec


class GarbageKind(enum.Enum):
    """What nobody needs any more; the values are for people."""

    TEMP = "temp file"  #: shown long enough ago
    CONTENT = "content without a name"
    UPLOAD = "upload that was given up"
    LEFTOVER = "leftover of a crash"
    INDEX = "digest of a file that is gone"


class Garbage(msgspec.Struct, frozen=True):
    """One thing that goes."""

    kind: GarbageKind
    #: where it is: a file's name, or a place in the store
    path: str
    #: that it takes
    size: int


class Retention(msgspec.Struct, frozen=True):
    """How long things are kept, in seconds."""

    #: files of the kind TEMP since they were written; for ever when it is 0
    temp: float = 7 * 24 * 3600.0
    #: what has no name: uploads that are under way and readers that still read must be over by then
    grace: float = 24 * 3600.0


KEEP_LONG = Retention()

#: Which of some contents are needed by others than names, such as assets.
References = Callable[[Collection[str]], Awaitable[Collection[str]]]


async def no_references(digests: Collection[str]) -> Collection[str]:
    """Names alone need contents."""
    return ()
