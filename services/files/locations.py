"""Where files lie on the host of the file service, for processes that see the same files: they need no copy."""

from __future__ import annotations

import functools
import os
import stat
from pathlib import Path
from typing import Self

import msgspec

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class FileLocation(msgspec.Struct, frozen=True):
    """A file on some host, told apart from every other and from other versions of itself."""

    #: absolute, free of links
    path: str
    #: what the kernel calls itself since it started: the same in every container on it
    host: str
    device: int
    inode: int
    #: bytes
    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: str, status: os.stat_result) -> Self | None:
        """The location of a file on this host; None where hosts cannot be told apart."""
        host = this_host()
        if not host:
            return None
        return cls(path, host, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def seen_from_here(self) -> Path | None:
        """The path of this very file, in this very version, if this process sees it there; None otherwise."""
        try:
            status = os.lstat(self.path)
        except (OSError, ValueError):
            return None
        readable = stat.S_ISREG(status.st_mode) and os.access(self.path, os.R_OK)
        return Path(self.path) if readable and FileLocation.of(self.path, status) == self else None


@functools.cache
def this_host() -> str:
    """What the kernel calls itself since it started, "" where it does not."""
    try:
        return Path(_BOOT_ID).read_text().strip()
    except OSError:
        return ""
