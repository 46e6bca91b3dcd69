"""How much memory this process can have, in a container too."""

from __future__ import annotations

from pathlib import Path

import psutil

_CONTROL_GROUP = Path("/sys/fs/cgroup")


def free_memory(control_group: Path = _CONTROL_GROUP) -> int:
    """The bytes that the host has to spare, or fewer where the container's limit (cgroup v2) comes first."""
    of_host = int(psutil.virtual_memory().available)
    of_container = _below_limit(control_group)
    return of_host if of_container is None else min(of_host, of_container)


def total_memory(control_group: Path = _CONTROL_GROUP) -> int:
    """The bytes that the host has, or the container's limit (cgroup v2) where that is less."""
    of_host = int(psutil.virtual_memory().total)
    try:
        return min(of_host, int((control_group / "memory.max").read_text()))
    except (OSError, ValueError):
        return of_host


def _below_limit(control_group: Path) -> int | None:
    """What is left of the limit; copies of files that the kernel would drop count as left. None without a limit."""
    try:
        limit = int((control_group / "memory.max").read_text())
        used = int((control_group / "memory.current").read_text())
        statistics = (control_group / "memory.stat").read_text()
    except (OSError, ValueError):  # no such files outside Linux and cgroup v2, "max" for no limit
        return None
    droppable = [int(line.split()[1]) for line in statistics.splitlines() if line.startswith("inactive_file ")]
    return max(0, limit - used + sum(droppable))
