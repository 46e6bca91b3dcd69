"""The errors that services raise, over the wire as well as in process.

Each class has exactly one gRPC status (see `services.rpc.status`). A client raises
the class that the server raised, so callers cannot tell a remote service from a local one.
"""

from __future__ import annotations


class ServiceError(Exception):
    """The service failed in a way nobody foresaw."""

    def __init__(self, message: str | None = None, *, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(message or type(self).__doc__)
        #: for programs, which of the causes it is that share a class ("queue_full"); empty where the class says it all
        self.reason = reason
        #: seconds after which another try has a chance; None where that is not known
        self.retry_after = retry_after

    @property
    def message(self) -> str:
        """What went wrong, for people."""
        return str(self.args[0])


class InvalidArgument(ServiceError):
    """The request does not make sense, whatever the state of the system."""


class NotFound(ServiceError):
    """There is no such thing."""


class AlreadyExists(ServiceError):
    """The name or id is taken by something else."""


class FailedPrecondition(ServiceError):
    """The system is not in the state that the request needs."""


class Aborted(ServiceError):
    """Something else got in between; try again."""


class OutOfRange(ServiceError):
    """The position lies beyond the end."""


class ResourceExhausted(ServiceError):
    """A limit is reached: disk, memory, quota or the pace of the reader."""


class Unavailable(ServiceError):
    """The service cannot be reached or is not ready; try again later."""


class DeadlineExceeded(ServiceError):
    """The answer did not come in time."""


class DataLoss(ServiceError):
    """The content is not what was promised."""


class PermissionDenied(ServiceError):
    """The caller may not do this."""


class Unauthenticated(ServiceError):
    """The caller did not say who they are, or it was not believed."""


class Unimplemented(ServiceError):
    """This service does not do that."""
