"""What a store's refusals mean to a caller: which error, and whether trying again may help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree

import httpx
from obstore import exceptions

from services.errors import DataLoss, FailedPrecondition, InvalidArgument, ResourceExhausted, ServiceError, Unavailable

_CODE = re.compile(r"<Code>(\w+)</Code>")

#: Codes that say more than the HTTP status that comes with them.
_CODES: dict[str, tuple[type[ServiceError], str]] = {
    "NoSuchBucket": (FailedPrecondition, "there is no bucket for {}"),
    "NoSuchKey": (DataLoss, "the object store has lost {}"),
    "SlowDown": (Unavailable, "the object store asks to slow down, {} has to wait; try again later"),
    "InvalidPart": (Unavailable, "the object store has lost a part of {}; send it again"),
    "InvalidPartOrder": (Unavailable, "the object store has lost a part of {}; send it again"),
    "BadDigest": (Unavailable, "{} was damaged on its way to the object store; send it again"),
    "XAmzContentSHA256Mismatch": (Unavailable, "{} was damaged on its way to the object store; send it again"),
    "IncompleteBody": (Unavailable, "{} was cut on its way to the object store; send it again"),
    "RequestTimeout": (Unavailable, "the object store did not get {} in time; try again"),
    "RequestTimeTooSkewed": (FailedPrecondition, "the clocks of this machine and the object store differ: no {}"),
    "EntityTooLarge": (ResourceExhausted, "{} is larger than the object store takes"),
    "QuotaExceeded": (ResourceExhausted, "the quota of the bucket is used up, no space for {}"),
    "XMinioStorageFull": (ResourceExhausted, "the object store is full, no space for {}"),
}

_STATUSES: dict[int, tuple[type[ServiceError], str]] = {
    401: (FailedPrecondition, "the object store does not believe our credentials: no access to {}"),
    403: (FailedPrecondition, "the object store does not let us have {}"),
    404: (DataLoss, "the object store has lost {}"),
    429: (Unavailable, "the object store asks to slow down, {} has to wait; try again later"),
    503: (Unavailable, "the object store asks to slow down, {} has to wait; try again later"),
    507: (ResourceExhausted, "the object store is full, no space for {}"),
}


class NoSuchUpload(DataLoss):
    """The store does not know the multipart upload: it was completed, or given up."""


def refusal(what: object, status: int, body: str) -> ServiceError:
    """What an answer that is not a success means for `what`."""
    code = code_in(body)
    if code == "NoSuchUpload":
        return NoSuchUpload(f"the object store does not know the upload of {what}")
    if code in _CODES:
        cls, sentence = _CODES[code]
    elif status in _STATUSES:
        cls, sentence = _STATUSES[status]
    elif status >= 500:
        cls, sentence = Unavailable, f"the object store failed ({status} {code}) for {{}}; try again"
    else:
        cls, sentence = ServiceError, f"the object store refused {{}} ({status} {code})"
    return cls(sentence.format(what))


def code_in(body: str) -> str:
    """The code of an error that a store describes, "" when it describes none."""
    found = _CODE.search(body)
    return found[1] if found else ""


def is_error(body: bytes) -> bool:
    """Whether an answer that began as a success says that it became none."""
    try:
        return ElementTree.fromstring(body).tag.endswith("Error")
    except ElementTree.ParseError:
        return True


def transport_failure(what: object, error: httpx.TransportError) -> Unavailable:
    """What it means that no answer came."""
    if isinstance(error, httpx.TimeoutException):
        return Unavailable(f"the object store did not answer in time about {what}; try again")
    return Unavailable(f"the object store cannot be reached for {what}; try again")


_STATUS = re.compile(r"status code: (\d{3})")
_TIMED_OUT = re.compile(r"kind: Timeout|TimedOut|timed out")


@contextmanager
def store_failures(what: object) -> Iterator[None]:
    """Raise our own errors about `what` instead of those of obstore, whose messages hold addresses and requests.

    It has made what may help to do again already.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise refusal(what, 404, str(error)) from error
    except exceptions.PermissionDeniedError as error:
        raise refusal(what, 403, str(error)) from error
    except exceptions.UnauthenticatedError as error:
        raise refusal(what, 401, str(error)) from error
    except exceptions.BaseError as error:
        raise _unspecific(what, str(error)) from error
    except ValueError as error:
        raise InvalidArgument(f"the object store's client refuses {what}") from error


def _unspecific(what: object, message: str) -> ServiceError:
    status = _STATUS.search(message)
    if status or code_in(message):
        return refusal(what, int(status[1]) if status else 500, message)
    if _TIMED_OUT.search(message):
        return Unavailable(f"the object store did not answer in time about {what}; try again")
    return Unavailable(f"the object store cannot be reached for {what}; try again")
