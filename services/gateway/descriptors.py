"""How many files and connections the system lets this process have open."""

from __future__ import annotations

import resource


def allow_descriptors(wanted: int) -> None:
    """Have the system allow this process so many open files, or as many as it may allow itself; 1024 is usual."""
    allowed, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    if highest != resource.RLIM_INFINITY:
        wanted = min(wanted, highest)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, highest))
