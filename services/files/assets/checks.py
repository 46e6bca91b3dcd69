"""What can be kept of an asset."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from blake3 import blake3

from services.errors import InvalidArgument

MAX_NAME = 512  # characters
MAX_TAGS = 100
MAX_TAG = 256  # characters
MAX_METADATA_BYTES = 64 << 10
MAX_LIMIT = 1_000
#: Characters of a value that is kept as it is for comparing.
MAX_COMPARED = 256
DEFAULT_LIMIT = 100

_MIME_TYPE = re.compile(r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}(; ?[\w!#$&^.+-]+=[\w!#$&^.+-]+)*", re.ASCII)
# Control characters and halves of surrogate pairs.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def checked_id(id: str) -> str:
    """An id as it is kept.

    Raises:
        InvalidArgument: it is no UUID.
    """
    try:
        return str(uuid.UUID(id))
    except ValueError as error:
        raise InvalidArgument(f"id: {id[:64]!r} is not a UUID") from error


def checked_text(text: str, what: str, limit: int = MAX_NAME) -> str:
    """A text as it is kept.

    Raises:
        InvalidArgument: it is too long, or has control characters in it.
    """
    if len(text) > limit:
        raise InvalidArgument(f"{what} is longer than {limit} characters")
    if _FORBIDDEN.search(text):
        raise InvalidArgument(f"{what}: {text[:64]!r} holds a control character")
    return text


def checked_mime_type(mime_type: str) -> str:
    """A media type as it is kept, empty for none.

    Raises:
        InvalidArgument: it is none.
    """
    if mime_type and not _MIME_TYPE.fullmatch(mime_type):
        raise InvalidArgument(f"mime_type: {mime_type[:64]!r} is not a media type such as image/png")
    return mime_type


def checked_tags(tags: Sequence[str]) -> list[str]:
    """Tags as they are kept: without spaces around them, none twice.

    Raises:
        InvalidArgument: one is empty or too long, or there are too many.
    """
    kept = list(dict.fromkeys(checked_text(tag.strip(), "a tag", MAX_TAG) for tag in tags))
    if "" in kept:
        raise InvalidArgument("tags: one of them is empty")
    if len(kept) > MAX_TAGS:
        raise InvalidArgument(f"tags: there are more than {MAX_TAGS}")
    return kept


def metadata_json(metadata: Mapping[str, Any]) -> str:
    """Metadata as they are kept.

    Raises:
        InvalidArgument: they are no JSON, or too long.
    """
    try:
        text = msgspec.json.encode(metadata).decode()
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidArgument(f"user_metadata cannot be kept: {error}") from error
    if len(text.encode()) > MAX_METADATA_BYTES:
        raise InvalidArgument(f"user_metadata is longer than {MAX_METADATA_BYTES} bytes")
    if "\\u0000" in text:
        raise InvalidArgument("user_metadata has a character with the code 0 in it")
    return text


def values_in(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Keys and values that can be asked for: each value as JSON, each of a list on its own; objects cannot."""
    found = ((key, each) for key, value in metadata.items() for each in (value if isinstance(value, list) else [value]))
    return list(dict.fromkeys((key, _comparable(each)) for key, each in found if not isinstance(each, list | dict)))


def checked_limit(limit: int, offset: int) -> int:
    """How many are told.

    Raises:
        InvalidArgument: a number is negative.
    """
    if limit < 0 or offset < 0:
        raise InvalidArgument(f"limit {limit} and offset {offset} must not be negative")
    return min(limit or DEFAULT_LIMIT, MAX_LIMIT)


def _comparable(value: Any) -> str:
    # 1 and 1.0 are one number in JSON.
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        value = int(value)
    text = msgspec.json.encode(value).decode()
    # No index takes values of any length.
    return text if len(text) <= MAX_COMPARED else f"blake3:{blake3(text.encode()).hexdigest()}"
