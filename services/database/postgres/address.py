"""Where a database is and who wants in: a URL that never shows its password."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from services.errors import InvalidArgument

_EXAMPLE = "postgresql://user@host/name"
_SCHEMES = ("postgresql", "postgres")
_PLACE = re.compile(r"(?:\[[^\[\]]*\]|[^:\[\]]*)(?::(\d{0,5}))?")
_SECRETS = ("password", "sslpassword")

#: Statements that a connection keeps prepared.
STATEMENT_CACHE = 200


@dataclass(frozen=True)
class Address:
    """A database's URL as libpq takes it, with one parameter more.

    `statement_cache_size=0` keeps no prepared statements: for a PgBouncer in transaction mode that is older than 1.21.
    """

    url: str = field(repr=False)
    #: the same for people and logs, without passwords
    shown: str
    statement_cache_size: int = STATEMENT_CACHE

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a URL.

        Raises:
            InvalidArgument: it is none of PostgreSQL. The message does not repeat it: there may be a password in it.
        """
        split = _split(url.strip())
        query = parse_qsl(split.query, keep_blank_values=True)
        passed_on = [(key, value) for key, value in query if key != "statement_cache_size"]
        public = [(key, value) for key, value in passed_on if key not in _SECRETS]
        place = split.netloc.rpartition("@")
        user = place[0].partition(":")[0]
        shown = split._replace(netloc=f"{user}@{place[2]}" if user else place[2], query=urlencode(public, safe="/,"))
        return cls(
            url=split._replace(query=urlencode(passed_on)).geturl(),
            shown=_with_slashes(shown),
            statement_cache_size=_size(dict(query).get("statement_cache_size")),
        )


def _split(url: str) -> SplitResult:
    scheme, separator, _ = url.partition("://")
    if not separator or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        raise InvalidArgument(f"the database must be a URL such as {_EXAMPLE}")
    if scheme.lower() not in _SCHEMES:
        raise InvalidArgument(f"the database's URL must begin with postgresql:// and not with {scheme}://")
    try:
        split = urlsplit(url)
        if split.query:
            parse_qsl(split.query, strict_parsing=True, keep_blank_values=True)
    except ValueError:
        raise _malformed() from None
    if not all(_is_place(place) for place in split.netloc.rpartition("@")[2].split(",")):
        raise _malformed()
    if split.fragment:
        raise InvalidArgument("the database's URL must not have a # in it; in a password write %23")
    return split


def _is_place(text: str) -> bool:
    """Whether it is a host, perhaps with a port."""
    match = _PLACE.fullmatch(text)
    return match is not None and int(match[1] or 0) <= 0xFFFF


def _malformed() -> InvalidArgument:
    return InvalidArgument(
        f"the database's URL is not like {_EXAMPLE}; in a password, characters such as / : @ # ? "
        "must be written as %2F and so on"
    )


def _with_slashes(split: SplitResult) -> str:
    """As text that has // even where there is no host."""
    query = f"?{split.query}" if split.query else ""
    return f"{split.scheme}://{split.netloc}{split.path}{query}"


def _size(text: str | None) -> int:
    if text is None:
        return STATEMENT_CACHE
    if not re.fullmatch(r"\d{1,6}", text):
        raise InvalidArgument(f"statement_cache_size must be a number from 0 on, not {text!r}")
    return int(text)
