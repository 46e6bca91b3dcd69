"""Where a request shows its key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from starlette.requests import HTTPConnection
from starlette.types import Scope

#: The cookie of browsers, whose scripts and sockets show nothing else.
COOKIE = "silverprint-key"

#: The part of an address that stands for a header, where none can be sent.
QUERY = "token"

#: The header that goes before `Authorization`: proxies have a use for that one.
HEADER = "x-api-key"

_BEARER = "bearer "


@dataclass(frozen=True)
class Credential:
    """What a request shows, and where."""

    key: str
    place: Literal["header", "query", "cookie"]


def shown_by(connection: HTTPConnection) -> Credential | None:
    """What a request shows first: a header, a part of its address, a cookie."""
    headers = connection.headers
    authorization = headers.get("authorization", "")
    bearer = authorization[len(_BEARER) :].strip() if authorization.lower().startswith(_BEARER) else ""
    if key := headers.get(HEADER, "").strip() or bearer:
        return Credential(key, "header")
    if b"token=" in connection.scope["query_string"] and (key := connection.query_params.get(QUERY, "")):
        return Credential(key, "query")
    if key := connection.cookies.get(COOKIE, ""):
        return Credential(key, "cookie")
    return None


def without_key(scope: Scope) -> str:
    """The query of a request, less the key in it."""
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, encoding="utf-8")
    return urlencode([(name, value) for name, value in pairs if name != QUERY])
