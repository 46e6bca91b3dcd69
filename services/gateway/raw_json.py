"""Taking JSON objects apart without changing a byte of what they hold.

Prompts are passed on as they came: 64-bit seeds, the order of keys, `_meta`, and the NaN and Infinity that
Python clients write must all survive.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, TypeVar, cast

import msgspec

from services.gateway.errors import BadRequest

T = TypeVar("T")

#: A JSON object that is passed on as the bytes that it came in.
RawObject = Annotated[Any, msgspec.Meta(extra_json_schema={"type": "object"})]

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def members(document: bytes, name: str = "the body") -> dict[str, msgspec.Raw]:
    """The members of a JSON object, each as its bytes; of equal keys the last one counts.

    Raises:
        BadRequest: it is not JSON in UTF-8, or not an object.
    """
    try:
        text = document.decode()
        return msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    except UnicodeDecodeError as error:
        raise _not_utf8(name, error) from error
    except msgspec.ValidationError as error:
        raise BadRequest(f"{name} must be a JSON object: {error}") from error
    except RecursionError as error:
        raise _too_deep(name) from error
    except msgspec.DecodeError:
        return _lenient_members(text, name)


def field(source: dict[str, msgspec.Raw], name: str, kind: type[T] | Any, default: T) -> T:
    """The member `name` as a Python value of `kind`, or `default` where it is missing.

    Raises:
        BadRequest: it is of another kind.
    """
    raw = source.get(name)
    if raw is None:
        return default
    try:
        return cast(T, msgspec.json.decode(raw, type=kind))
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"{name}: {error}", field=name) from error


def value(document: bytes, name: str = "the body") -> msgspec.Raw:
    """One JSON value of any kind, as its bytes; strictly JSON, so that browsers can read it back.

    Raises:
        BadRequest: it is not JSON in UTF-8.
    """
    try:
        document.decode()
        return msgspec.json.decode(document, type=msgspec.Raw)
    except UnicodeDecodeError as error:
        raise _not_utf8(name, error) from error
    except msgspec.DecodeError as error:
        raise BadRequest(f"{name} is not JSON: {error}", type="invalid_json") from error
    except RecursionError as error:
        raise _too_deep(name) from error


def _lenient_members(text: str, name: str) -> dict[str, msgspec.Raw]:
    """As `members`, for what Python's own JSON accepts beyond the standard."""
    try:
        return _split(text)
    except RecursionError as error:
        raise _too_deep(name) from error
    except UnicodeEncodeError as error:
        raise BadRequest(f"{name} has a key with half a surrogate pair", type="invalid_json") from error
    except (ValueError, StopIteration, IndexError) as error:
        raise BadRequest(f"{name} is not JSON: {error or 'it ends too early'}", type="invalid_json") from error


def _split(text: str) -> dict[str, msgspec.Raw]:
    found: dict[str, msgspec.Raw] = {}
    position = _after(text, 0, "{")
    if text[_skip(text, position)] == "}":
        return _ended(text, _skip(text, position) + 1, found)
    while True:
        position = _skip(text, position)
        key, position = _DECODER.raw_decode(text, position)
        if not isinstance(key, str):
            raise ValueError(f"a key expected at character {position}")
        key.encode()
        start = _skip(text, _after(text, position, ":"))
        _, position = _DECODER.raw_decode(text, start)
        found[key] = msgspec.Raw(text[start:position].encode())
        position = _skip(text, position)
        if text[position] == "}":
            return _ended(text, position + 1, found)
        position = _after(text, position, ",")


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _after(text: str, position: int, character: str) -> int:
    """The position just after `character`, which may come after white space only."""
    position = _skip(text, position)
    if text[position] != character:
        raise ValueError(f"{character!r} expected at character {position}")
    return position + 1


def _ended(text: str, position: int, found: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    if _skip(text, position) != len(text):
        raise ValueError(f"something follows its end at character {position}")
    return found


def _not_utf8(name: str, error: UnicodeDecodeError) -> BadRequest:
    return BadRequest(f"{name} is not UTF-8: {error.reason} at byte {error.start}", type="invalid_json")


def _too_deep(name: str) -> BadRequest:
    return BadRequest(f"{name} is nested too deeply", type="invalid_json")
