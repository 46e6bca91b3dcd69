"""Taking JSON objects apart."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.errors import BadRequest
from services.gateway.raw_json import members

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), VALUES, max_size=5), st.booleans())
def test_members_keep_their_bytes(source: dict[str, object], ascii_only: bool) -> None:
    whole = json.dumps(source, ensure_ascii=ascii_only, indent=1)
    found = members(whole.encode())
    assert list(found) == list(source)
    for key, value in source.items():
        raw = bytes(found[key]).decode()
        assert raw in whole
        assert json.dumps(json.loads(raw)) == json.dumps(value)


@pytest.mark.parametrize(
    ("document", "keys"),
    [
        (b"{}", []),
        (b" {\n} ", []),
        (b' {"a" : NaN , "b":[1e400],"c":"\\ud800"}\n', ["a", "b", "c"]),
        (b'{"a": 1, "a": -Infinity}', ["a"]),
        (b'{" a ": NaN, "": {}}', [" a ", ""]),
    ],
)
def test_what_python_writes_is_read(document: bytes, keys: list[str]) -> None:
    assert list(members(document)) == keys


def test_of_equal_keys_the_last_one_counts() -> None:
    assert bytes(members(b'{"a": 1, "a": 2}')["a"]) == b"2"
    assert bytes(members(b'{"a": NaN, "a": 2}')["a"]) == b"2"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b" ",
        b"{",
        b'{"a"',
        b'{"a":',
        b'{"a":NaN',
        b'{"a":NaN,',
        b'{"a":NaN,}',
        b'{"a":NaN}}',
        b'{"a":NaN "b":1}',
        b"{1:NaN}",
        b"{a:NaN}",
        b'{"\\ud800":NaN}',
        b'{"a":NAN}',
        b"\xff",
        b'{"a":"\xff"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"n":NaN,"a":' + b"[" * 100_000,
        b"[]",
        b"NaN",
        b'"a"',
        b"\xef\xbb\xbf{}",
    ],
)
def test_everything_else_is_refused(document: bytes) -> None:
    with pytest.raises(BadRequest):
        members(document)
