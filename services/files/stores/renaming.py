"""Giving a file a path that nobody else has, in one step."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from contextlib import suppress

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1

# What file systems and kernels say that cannot do it.
_CANNOT = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


def _renameat2() -> Callable[..., int] | None:
    with suppress(OSError, AttributeError):
        call: Callable[..., int] = ctypes.CDLL(None, use_errno=True).renameat2
        return call
    return None


_RENAMEAT2 = _renameat2()


def rename_to_free(old: str, new: str) -> None:
    """Rename a file, or a link, unless the new path is taken.

    Where the system cannot do that, the file has both paths for a moment; a crash in it leaves them both.

    Raises:
        FileExistsError: the new path is taken.
        OSError: as `os.rename`.
    """
    if _RENAMEAT2 is not None:
        ends = _AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new)
        if _RENAMEAT2(*ends, _RENAME_NOREPLACE) == 0:
            return
        number = ctypes.get_errno()
        if number not in _CANNOT:
            raise OSError(number, os.strerror(number), old, None, new)
    os.link(old, new, follow_symlinks=False)
    os.unlink(old)
