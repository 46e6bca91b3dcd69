"""What the operating system's refusals mean to a caller."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from services.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted, ServiceError

_ERRORS: dict[int, tuple[type[ServiceError], str]] = {
    errno.ENOENT: (NotFound, "there is no {}"),
    errno.ENOTDIR: (NotFound, "there is no {}"),
    # A loop of links, or a link put where a file was a moment ago.
    errno.ELOOP: (NotFound, "there is no {}"),
    # A socket.
    errno.ENXIO: (NotFound, "there is no {}"),
    errno.EISDIR: (InvalidArgument, "{} is a folder"),
    errno.ENAMETOOLONG: (InvalidArgument, "{} is longer than the file system allows"),
    errno.ENOSPC: (ResourceExhausted, "no space is left on the disk for {}; free some and try again"),
    errno.EDQUOT: (ResourceExhausted, "the disk quota is used up, no space for {}; free some and try again"),
    errno.EFBIG: (ResourceExhausted, "{} is larger than the file system or the process may write"),
    errno.EMFILE: (ResourceExhausted, "too many files are open for {}; try again"),
    errno.ENFILE: (ResourceExhausted, "too many files are open for {}; try again"),
    errno.EACCES: (FailedPrecondition, "the service has no permission for {}"),
    errno.EPERM: (FailedPrecondition, "the service has no permission for {}"),
    errno.EXDEV: (FailedPrecondition, "{} lies on another file system than the data directory"),
    errno.EROFS: (FailedPrecondition, "the disk of {} is read-only"),
    # A file system over the network whose file was replaced there.
    errno.ESTALE: (Aborted, "{} was replaced meanwhile; try again"),
    errno.EIO: (ServiceError, "the disk failed at {}"),
}


@contextmanager
def disk_errors(what: object) -> Iterator[None]:
    """Raise our own errors about `what` instead of an `OSError` with the server's paths in it."""
    try:
        yield
    except OSError as error:
        if error.errno not in _ERRORS:
            raise
        cls, sentence = _ERRORS[error.errno]
        raise cls(sentence.format(what)) from error
