"""Errors as the versioned API words them: a code for programs, a message for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import wraps
from typing import Any, NotRequired, TypedDict

from starlette.requests import Request
from starlette.responses import Response

from services import errors
from services.gateway.backends import Backends
from services.gateway.errors import (
    RETRY_AFTER,
    BadRequest,
    BodyTooLarge,
    StorageFull,
    TooSlow,
    UnsupportedContent,
    error_response,
)
from services.gateway.operations import Answer, json
from services.gateway.resource import Handler
from services.gateway.responses import json_response


class ApiError(TypedDict):
    """What is wrong; `details` says which fields are at fault where that is known."""

    code: str
    message: str
    details: NotRequired[dict[str, Any] | None]


class ErrorEnvelope(TypedDict):
    """The answer to a request that failed."""

    error: ApiError


class HashMismatch(errors.DataLoss):
    """The file has another hash than the request says."""


class BlobNotFound(errors.NotFound):
    """There is no content that this user may use."""


#: Error class to status and code; the nearest class of an error counts.
_STATUS: dict[type[errors.ServiceError], tuple[int, str]] = {
    errors.ServiceError: (500, "upstream_error"),
    errors.InvalidArgument: (422, "invalid_request"),
    errors.NotFound: (404, "not_found"),
    BlobNotFound: (404, "blob_not_found"),
    errors.AlreadyExists: (409, "already_exists"),
    errors.FailedPrecondition: (409, "failed_precondition"),
    errors.Aborted: (409, "conflict"),
    errors.DataLoss: (422, "content_incomplete"),
    HashMismatch: (409, "hash_mismatch"),
    UnsupportedContent: (422, "unsupported_content"),
    errors.ResourceExhausted: (429, "rate_limited"),
    BodyTooLarge: (413, "too_large"),
    TooSlow: (408, "too_slow"),
    StorageFull: (507, "storage_full"),
    errors.PermissionDenied: (403, "forbidden"),
    errors.Unauthenticated: (401, "unauthorized"),
    errors.Unimplemented: (501, "not_implemented"),
    errors.Unavailable: (503, "upstream_error"),
    errors.DeadlineExceeded: (504, "upstream_error"),
}

_ENVELOPE = json(ErrorEnvelope)


def failures(*statuses: int) -> Mapping[int, Answer]:
    """The answers of an operation that fails with these statuses, beside those that any request can get."""
    return dict.fromkeys((401, 403, 429, 500, 501, 503, 504, *statuses), _ENVELOPE)


def in_envelope(handler: Handler) -> Handler:
    """The same handler, whose errors are worded as those of the versioned API."""

    @wraps(handler)
    async def answer(backends: Backends, request: Request) -> Response:
        try:
            return await handler(backends, request)
        except errors.ServiceError as error:
            return refusal(error)
        except Exception as error:
            error_response(error)  # which logs it
            return _envelope(500, "upstream_error", "the gateway failed, see its log")

    return answer


def refusal(error: errors.ServiceError) -> Response:
    """The answer to a request that failed."""
    status, code = next(_STATUS[cls] for cls in type(error).__mro__ if cls in _STATUS)
    details = {"field": error.field} if isinstance(error, BadRequest) and error.field else None
    return _envelope(status, code, error.message, details, error.retry_after)


def _envelope(
    status: int, code: str, message: str, details: dict[str, Any] | None = None, retry_after: float | None = None
) -> Response:
    error = ApiError(code=code, message=message)
    if details:
        error["details"] = details
    headers = {"Retry-After": str(max(1, math.ceil(retry_after or RETRY_AFTER)))} if status in (429, 503) else None
    return json_response(ErrorEnvelope(error=error), status=status, headers=headers)
