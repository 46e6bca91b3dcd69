"""URLs of databases: understood, or refused without a word of their password."""

from __future__ import annotations

import pytest

from services.database.postgres.address import STATEMENT_CACHE, Address
from services.errors import InvalidArgument

SECRET = "tops3cret"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://me:{SECRET}@host:5433/name", "postgresql://me@host:5433/name"),
        (f"postgres://me:{SECRET}%2F%40@host/name", "postgres://me@host/name"),
        (f"postgresql://host/name?user=me&password={SECRET}", "postgresql://host/name?user=me"),
        (f"postgresql:///name?host=/run/postgresql&sslpassword={SECRET}", "postgresql:///name?host=/run/postgresql"),
        (f"postgresql://me:{SECRET}@one:1,two:2/name", "postgresql://me@one:1,two:2/name"),
        (f"postgresql://me:{SECRET}@[::1]:5432/name", "postgresql://me@[::1]:5432/name"),
        ("postgresql:///name", "postgresql:///name"),
    ],
)
def test_what_is_shown_has_no_password(url: str, shown: str) -> None:
    address = Address.parse(url)
    assert address.shown == shown
    assert SECRET not in repr(address)


def test_the_cache_of_statements_is_a_parameter_of_ours() -> None:
    assert Address.parse("postgresql://host/name").statement_cache_size == STATEMENT_CACHE
    address = Address.parse("postgresql://host/name?statement_cache_size=0&sslmode=require")
    assert address.statement_cache_size == 0
    assert address.url == "postgresql://host/name?sslmode=require"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "must be a URL such as postgresql://user@host/name"),
        ("queue.sqlite3", "must be a URL"),
        (SECRET, "must be a URL"),
        (f"mysql://me:{SECRET}@host/name", "must begin with postgresql:// and not with mysql://"),
        (f"postgresql://me:pass/{SECRET}@host/name", "must be written as %2F"),
        (f"postgresql://me:pass#{SECRET}@host/name", "in a password write %23|must be written as"),
        ("postgresql://host:port/name", "is not like"),
        ("postgresql://host:99999/name", "is not like"),
        ("postgresql://[::1/name", "is not like"),
        ("postgresql://host/name?sslmode", "is not like"),
        ("postgresql://host/name?statement_cache_size=many", "a number from 0 on, not 'many'"),
    ],
)
def test_other_urls_are_refused_without_repeating_them(url: str, complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint) as refusal:
        Address.parse(url)
    assert SECRET not in refusal.value.message
    assert refusal.value.__cause__ is None
