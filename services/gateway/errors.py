"""Errors as HTTP answers: ComfyUI's error shape and a status of their own."""

from __future__ import annotations

import logging
import math
from typing import Any, TypedDict

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from services import errors
from services.gateway.responses import json_response
from services.graph.errors import PromptRejected

log = logging.getLogger(__name__)

#: Seconds after which a client may try again when a service was not there.
RETRY_AFTER = 2

#: Error class to status and ComfyUI's `type`; the nearest class of an error counts.
STATUS: dict[type[errors.ServiceError], tuple[int, str]] = {
    errors.ServiceError: (502, "service_failed"),
    errors.InvalidArgument: (400, "invalid_request"),
    errors.NotFound: (404, "not_found"),
    errors.AlreadyExists: (409, "already_exists"),
    errors.FailedPrecondition: (409, "failed_precondition"),
    errors.Aborted: (409, "conflict"),
    errors.OutOfRange: (416, "out_of_range"),
    errors.ResourceExhausted: (429, "resource_exhausted"),
    errors.Unavailable: (503, "unavailable"),
    errors.DeadlineExceeded: (504, "timeout"),
    errors.DataLoss: (400, "content_incomplete"),
    errors.PermissionDenied: (403, "forbidden"),
    errors.Unauthenticated: (401, "unauthenticated"),
    errors.Unimplemented: (501, "not_implemented"),
}

#: Reasons with a status of their own. They are an answer's `type`, as all reasons are.
REASONS = {"idempotency_key_reuse": 422}


class ErrorDescription(TypedDict):
    """What is wrong with a request."""

    type: str
    message: str
    details: str
    #: `field` names what is at fault, where it is one thing
    extra_info: dict[str, Any]


class ErrorResponse(TypedDict):
    """The answer to a request that failed; a refused prompt has errors by node id beside it."""

    error: ErrorDescription
    node_errors: dict[str, Any]


class BadRequest(errors.InvalidArgument):
    """The request makes no sense; names the field at fault."""

    def __init__(self, message: str, *, field: str = "", type: str = "invalid_request") -> None:
        super().__init__(message)
        self.field = field
        self.type = type


class BodyTooLarge(errors.ResourceExhausted):
    """The body is longer than the limit, in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"Maximum request body size {limit} exceeded.")


class HeadTooLarge(errors.ResourceExhausted):
    """The head of the request, or what is around its body, is longer than the limit, in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the head of the request has more than {limit} bytes")


class TooSlow(errors.DeadlineExceeded):
    """The client takes too long to send its request."""


class UnsupportedContent(errors.FailedPrecondition):
    """Files of this kind are not taken."""


class StorageFull(errors.ResourceExhausted):
    """There is no room for the file."""


def error_response(error: Exception) -> Response:
    """The answer to a request that failed; what nobody foresaw is logged, and answered without particulars."""
    match error:
        case PromptRejected():
            body = {"error": msgspec.Raw(error.error_json), "node_errors": msgspec.Raw(error.node_errors_json)}
            return json_response(body, status=400)
        case BadRequest():
            return _answer(400, error.type, error.message, error.field)
        case BodyTooLarge():
            return _answer(413, "too_large", error.message)
        case HeadTooLarge():
            return _answer(431, "head_too_large", error.message)
        case TooSlow():
            return _answer(408, "too_slow", error.message)
        case UnsupportedContent():
            return _answer(415, "unsupported_content", error.message)
        case StorageFull():
            return _answer(507, "storage_full", error.message)
        case errors.ServiceError():
            status, type_ = next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)
            status, type_ = REASONS.get(error.reason, status), error.reason or type_
            return _answer(status, type_, error.message, retry_after=error.retry_after)
        case ClientDisconnect():
            return _answer(400, "content_incomplete", "the request ended before its body did")
    log.error("a request failed", exc_info=error)
    return _answer(500, "internal_error", "the gateway failed, see its log")


def _answer(status: int, type_: str, message: str, field: str = "", retry_after: float | None = None) -> Response:
    details = f"{field}: {message}" if field and not message.startswith(field) else message
    extra = {"field": field} if field else {}
    error = ErrorDescription(type=type_, message=message, details=details, extra_info=extra)
    body = ErrorResponse(error=error, node_errors={})
    if retry_after is None and status in (429, 503):
        retry_after = RETRY_AFTER
    headers = None if retry_after is None else {"Retry-After": str(max(1, math.ceil(retry_after)))}
    return json_response(body, status=status, headers=headers)
