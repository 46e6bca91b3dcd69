"""Conditional, range and encoding headers (RFC 9110)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response

from services.errors import OutOfRange
from services.gateway.errors import error_response

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class RangeNotSatisfiable(OutOfRange):
    """The file has no such part."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the file has {size} bytes and no such range, or more than one range was asked for")
        self.size = size


@dataclass(frozen=True)
class Validators:
    """What tells one version of a file from another; the time is seconds since the epoch."""

    etag: str
    modified_at: float

    @property
    def headers(self) -> dict[str, str]:
        """ETag and Last-Modified."""
        return {"ETag": self.etag, "Last-Modified": formatdate(self.modified_at, usegmt=True)}


def is_unchanged(request: Request, validators: Validators) -> bool:
    """Whether the client has this version already."""
    if "if-none-match" in request.headers:
        return matches_etag(request, validators.etag)
    since = _date(request.headers.get("if-modified-since", ""))
    return since is not None and int(validators.modified_at) <= since


def matches_etag(request: Request, etag: str) -> bool:
    """Whether `If-None-Match` names this ETag (weakly compared)."""
    named = [value.strip().removeprefix("W/") for value in request.headers.get("if-none-match", "").split(",")]
    return etag in named or named == ["*"]


def wanted_range(request: Request, size: int, validators: Validators) -> tuple[int, int] | None:
    """Offset and length of the part asked for, None for the whole.

    Raises:
        RangeNotSatisfiable: not a single range of bytes, or beyond the end.
    """
    header = request.headers.get("range")
    if header is None or request.method != "GET" or not _is_same_version(request, validators):
        return None
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.group(1) == match.group(2) == "":
        raise RangeNotSatisfiable(size)
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        start = size - length
    else:
        start = int(first)
        length = (min(int(last), size - 1) if last else size - 1) - start + 1
    if length <= 0 or start >= size:
        raise RangeNotSatisfiable(size)
    return start, length


def refused_range(error: RangeNotSatisfiable) -> Response:
    """What is answered to a range that is not there: how long the file is."""
    refusal = error_response(error)
    refusal.headers["Content-Range"] = f"bytes */{error.size}"
    return refusal


def accepts_gzip(request: Request) -> bool:
    """Whether the client decodes gzip."""
    for entry in request.headers.get("accept-encoding", "").split(","):
        coding, _, parameter = entry.partition(";")
        if coding.strip().lower() in ("gzip", "*"):
            return parameter.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _is_same_version(request: Request, validators: Validators) -> bool:
    condition = request.headers.get("if-range")
    if condition is None or condition == validators.etag:
        return True
    date = _date(condition)
    return date is not None and int(validators.modified_at) == date


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).replace(tzinfo=UTC).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
