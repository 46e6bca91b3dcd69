"""How the C library hands memory back to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

_M_ARENA_MAX = -8

#: Bytes from which on an allocation is pages of its own: more than a message of a file takes.
OWN_PAGES = 4 << 20

#: Bytes of free memory that each arena keeps rather than hand them back.
KEPT = 8 << 20

#: Arenas, which threads share.
ARENAS = 2


def keep_freed_memory() -> None:
    """Keep a little of what is freed, in a process that passes files on.

    glibc hands the half megabyte of every message back to the system and gets it again for the next one, page by page:
    that is most of the system's time in a download, and half the throughput. Elsewhere nothing happens.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        wanted = {_M_MMAP_THRESHOLD: OWN_PAGES, _M_TRIM_THRESHOLD: KEPT, _M_ARENA_MAX: ARENAS}
        for what, value in wanted.items():
            mallopt(what, value)
