"""The one table between errors and gRPC statuses."""

from __future__ import annotations

import math

import grpc

from services import errors

STATUS: dict[type[errors.ServiceError], grpc.StatusCode] = {
    errors.ServiceError: grpc.StatusCode.INTERNAL,
    errors.InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Aborted: grpc.StatusCode.ABORTED,
    errors.OutOfRange: grpc.StatusCode.OUT_OF_RANGE,
    errors.ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.DataLoss: grpc.StatusCode.DATA_LOSS,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.Unimplemented: grpc.StatusCode.UNIMPLEMENTED,
}

_ERROR = {status: error for error, status in STATUS.items()}
# A server that stops cancels what is in flight.
_ERROR[grpc.StatusCode.CANCELLED] = errors.Unavailable

#: What grpc.aio makes of a message that could not be sent because the call had ended: INTERNAL, with these details.
_FAILED_SEND = "Internal error from Core"


#: Where the particulars of an error travel; gRPC's own retries heed the second one.
REASON = "silverprint-reason"
PUSHBACK = "grpc-retry-pushback-ms"


def status_of(error: errors.ServiceError) -> grpc.StatusCode:
    """The status of an error: that of its nearest class in the table."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def particulars_of(error: errors.ServiceError) -> tuple[tuple[str, str], ...]:
    """The trailing metadata that go with an error's status."""
    found = [(REASON, error.reason)] if error.reason else []
    if error.retry_after is not None:
        found.append((PUSHBACK, str(math.ceil(error.retry_after * 1000))))
    return tuple(found)


def error_of(rpc_error: grpc.aio.AioRpcError) -> errors.ServiceError:
    """The error that a server raised, or that the transport made of its absence."""
    if rpc_error.details() == _FAILED_SEND:
        return errors.Unavailable("the call ended while it was being sent")
    cls = _ERROR.get(rpc_error.code(), errors.ServiceError)
    particulars = {key: value for key, value in rpc_error.trailing_metadata() or () if isinstance(value, str)}
    return cls(
        rpc_error.details() or None,
        reason=particulars.get(REASON, ""),
        retry_after=int(particulars[PUSHBACK]) / 1000 if particulars.get(PUSHBACK, "").isdecimal() else None,
    )
